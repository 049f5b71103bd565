package integration

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/tenetkit/tenet/resource/jobs"
	"github.com/tenetkit/tenet/resource/jobs/sqlstore"
)

func jobStore(t testing.TB, db *sql.DB, dialect string) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: dialect})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time everything is there
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
	}
	return store
}

// jobRunner is a process of a service: its runner, which is closed at the end, and
// the handler of one operation.
func jobRunner(t testing.TB, opts jobs.Options, op jobs.Operation) (*jobs.Runner, http.Handler) {
	t.Helper()
	caller := func(r *http.Request) (string, bool) { return r.Header.Get("X-Subject"), true }
	if opts.Poll == 0 {
		opts.Poll = 20 * time.Millisecond
	}
	runner, err := jobs.New(caller, jobUnit, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := runner.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if op.Name == "" {
		op.Name = "test"
	}
	if op.Accept == nil {
		op.Accept = func(r *http.Request) ([]byte, error) { return io.ReadAll(r.Body) }
	}
	if op.Wait == 0 {
		op.Wait = time.Millisecond
	}
	h, err := runner.Operation(op)
	if err != nil {
		t.Fatal(err)
	}
	return runner, h
}

func startJob(t testing.TB, h http.Handler, body string) string {
	t.Helper()
	rec := sendAs(h, "POST", "/import", body)
	if rec.Code != http.StatusAccepted {
		t.Fatalf("POST = %d %s, want 202", rec.Code, rec.Body)
	}
	return rec.Header().Get("Location")
}

func sendAs(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	return send(h, method, target, body, "X-Subject", "ada")
}

var jobTimes = regexp.MustCompile(`^{"id":"[A-Z0-9]+","status":("[a-z]+"),"created_at":"[^"]+","updated_at":"[^"]+"`)

// jobState waits until the job is as wanted, and fails the test after a while.
func jobState(t testing.TB, runner *jobs.Runner, location, want string) {
	t.Helper()
	jobStateAs(t, runner, location, want, "X-Subject", "ada")
}

func jobStateAs(t testing.TB, runner *jobs.Runner, location, want string, header ...string) {
	t.Helper()
	got := ""
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); {
		rec := send(runner.Handler(), "GET", location, "", header...)
		if got = jobTimes.ReplaceAllString(rec.Body.String(), "$1"); got == want {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatalf("the job is %s, want %s", got, want)
}

func TestJobsInADatabase(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *sql.DB, string, jobs.Options){
		"from the input to the result": func(t *testing.T, db *sql.DB, _ string, opts jobs.Options) {
			gate := make(chan struct{})
			runner, h := jobRunner(t, opts, jobs.Operation{Run: func(ctx context.Context, subject string, input []byte) (any, error) {
				jobs.Progress(ctx, map[string]int{"done": 1})
				<-gate
				return map[string]any{"subject": subject, "input": input}, nil
			}})
			location := startJob(t, h, "\x00\xff any bytes")
			jobState(t, runner, location, `"running","done":1}`)
			close(gate)
			jobState(t, runner, location, `"succeeded","input":"AP8gYW55IGJ5dGVz","subject":"ada"}`)
			if rec := send(runner.Handler(), "GET", location, "", "X-Subject", "bob"); rec.Code != 404 {
				t.Errorf("GET as another = %d %s, want 404", rec.Code, rec.Body)
			}
			var kept int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM jobs_queue WHERE input IS NOT NULL OR token <> ''").Scan(&kept); err != nil || kept != 0 {
				t.Errorf("%d jobs that have ended keep their input or token, %v", kept, err)
			}
		},
		"the unit that it was started in": jobStaysInItsUnit,
		"the largest result": func(t *testing.T, _ *sql.DB, _ string, opts jobs.Options) {
			size := 16<<20 - len(`{"text":""}`)
			runner, h := jobRunner(t, opts, jobs.Operation{Run: func(_ context.Context, _ string, input []byte) (any, error) {
				more, err := strconv.Atoi(string(input))
				return map[string]string{"text": strings.Repeat("x", size+more)}, err
			}})
			kept, refused := startJob(t, h, "0"), startJob(t, h, "1")
			jobState(t, runner, refused, `"failed","errors":[{"code":"internal_server_error","message":"Internal server error"}]}`)
			jobState(t, runner, kept, `"succeeded","text":"`+strings.Repeat("x", size)+`"}`)
		},
		"attempts": func(t *testing.T, _ *sql.DB, _ string, opts jobs.Options) {
			runner, h := jobRunner(t, opts, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
				jobs.Progress(ctx, map[string]int{"done": 1})
				return nil, errors.New("secret")
			}})
			jobState(t, runner, startJob(t, h, ""), `"failed","attempts":3,"done":1,"errors":[{"code":"internal_server_error","message":"Internal server error"}]}`)
		},
		"cancel": func(t *testing.T, _ *sql.DB, _ string, opts jobs.Options) {
			opts.Workers = 1
			here, h := jobRunner(t, opts, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}})
			there, _ := jobRunner(t, opts, jobs.Operation{Name: "other", Run: func(context.Context, string, []byte) (any, error) { return nil, nil }})
			running := startJob(t, h, "")
			jobState(t, here, running, `"running"}`)
			waiting := startJob(t, h, "")
			for location, want := range map[string]int{running: 202, waiting: 204, "/jobs/NONE": 404} {
				if rec := sendAs(there.Handler(), "DELETE", location, ""); rec.Code != want {
					t.Errorf("DELETE = %d %s, want %d", rec.Code, rec.Body, want)
				}
			}
			for _, location := range []string{running, waiting} {
				jobState(t, here, location, `"failed","errors":[{"code":"canceled","message":"The job was canceled"}]}`)
				if rec := sendAs(there.Handler(), "DELETE", location, ""); rec.Code != 409 {
					t.Errorf("DELETE of a job that has ended = %d %s, want 409", rec.Code, rec.Body)
				}
			}
		},
		"cancel while an attempt fails": func(t *testing.T, _ *sql.DB, _ string, opts jobs.Options) {
			slow := opts
			slow.Poll = 30 * time.Second // so that it learns nothing of the cancellation
			gate, failed := make(chan struct{}), errors.New("failed")
			op := jobs.Operation{Wait: time.Hour, Run: func(context.Context, string, []byte) (any, error) { <-gate; return nil, failed }}
			here, h := jobRunner(t, slow, op)
			location := startJob(t, h, "")
			jobState(t, here, location, `"running"}`)
			other, _ := jobRunner(t, opts, jobs.Operation{Name: "other", Run: op.Run})
			if rec := sendAs(other.Handler(), "DELETE", location, ""); rec.Code != 202 {
				t.Errorf("DELETE = %d %s, want 202", rec.Code, rec.Body)
			}
			close(gate)
			there, _ := jobRunner(t, opts, op)
			jobState(t, there, location, `"failed","errors":[{"code":"canceled","message":"The job was canceled"}]}`)
		},
		"ids that are none": func(t *testing.T, _ *sql.DB, _ string, opts jobs.Options) {
			runner, _ := jobRunner(t, opts, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) { return nil, nil }})
			for _, method := range []string{"GET", "DELETE"} {
				for _, id := range []string{"%FF", "%00", "x", "'", "ABC"} {
					if rec := sendAs(runner.Handler(), method, "/jobs/"+id, ""); rec.Code != 404 {
						t.Errorf("%s /jobs/%s = %d %s, want 404", method, id, rec.Code, rec.Body)
					}
				}
			}
		},
		"bounds": func(t *testing.T, db *sql.DB, dialect string, opts jobs.Options) {
			opts.Workers, opts.Queue, opts.MaxPerSubject, opts.Keep = 1, 2, 3, time.Microsecond
			gate := make(chan struct{})
			runner, h := jobRunner(t, opts, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) { <-gate; return nil, nil }})
			running := startJob(t, h, "")
			jobState(t, runner, running, `"running"}`)
			startJob(t, h, "")
			if rec := send(h, "POST", "/import", "", "X-Subject", "bob"); rec.Code != 202 {
				t.Errorf("POST as another = %d %s, want 202", rec.Code, rec.Body)
			}
			if rec := sendAs(h, "POST", "/import", ""); rec.Code != 503 || rec.Header().Get("Retry-After") != "1" {
				t.Errorf("POST to a full queue = %d %s, want 503", rec.Code, rec.Body)
			}
			mustExec(t, db, dialect, "UPDATE jobs_queue SET owner = 'ada'")
			if rec := sendAs(h, "POST", "/import", ""); rec.Code != 429 {
				t.Errorf("POST of a fourth job = %d %s, want 429", rec.Code, rec.Body)
			}
			close(gate)
			// They are swept when the next runner starts.
			for until := time.Now().Add(10 * time.Second); ; {
				_, _ = jobRunner(t, opts, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) { return nil, nil }})
				<-time.After(100 * time.Millisecond)
				var left int
				if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM jobs_queue").Scan(&left); err != nil || left == 0 || time.Now().After(until) {
					if err != nil || left != 0 {
						t.Errorf("%d jobs are left that are kept no longer, %v", left, err)
					}
					break
				}
			}
		},
		"many processes share many jobs": func(t *testing.T, _ *sql.DB, _ string, opts jobs.Options) {
			opts.MaxPerSubject, opts.Queue = 1000, 1000
			var mu sync.Mutex
			runs := map[string]int{}
			var locations []string
			var one *jobs.Runner
			for process := range 4 {
				runner, h := jobRunner(t, opts, jobs.Operation{Run: func(_ context.Context, _ string, input []byte) (any, error) {
					mu.Lock()
					defer mu.Unlock()
					runs[string(input)]++
					return nil, nil
				}})
				one = runner
				for n := range 30 {
					locations = append(locations, startJob(t, h, fmt.Sprint(process, " ", n)))
				}
			}
			for _, location := range locations {
				jobState(t, one, location, `"succeeded"}`)
			}
			mu.Lock()
			defer mu.Unlock()
			for input, n := range runs {
				if n != 1 {
					t.Errorf("job %s ran %d times", input, n)
				}
			}
			if len(runs) != 120 {
				t.Errorf("%d jobs ran, want 120", len(runs))
			}
		},
	}
	for dialect, open := range databases {
		for name, test := range tests {
			t.Run(dialect+", "+name, func(t *testing.T) {
				t.Parallel()
				db := open(t)
				test(t, db, dialect, jobs.Options{Store: jobStore(t, db, dialect)})
			})
		}
	}
	t.Run("serializable", func(t *testing.T) {
		t.Parallel()
		db := postgresDB(t)
		db.SetMaxOpenConns(1)
		mustExec(t, db, "postgres", "SET default_transaction_isolation = 'serializable'")
		tests["many processes share many jobs"](t, db, "postgres", jobs.Options{Store: jobStore(t, db, "postgres")})
	})
}

// frozen is the store of a process that stands still for a while, and believes when
// it goes on that no time has passed.
type frozen struct {
	*sqlstore.Store
	still *atomic.Bool
}

func (f frozen) Renew(ctx context.Context, id, token string, lease time.Time, members []byte) (held, canceled bool, err error) {
	if f.still.Load() {
		return true, false, nil
	}
	return f.Store.Renew(ctx, id, token, lease, members)
}

// TestAFrozenProcessChangesNothing: what comes of its work comes too late.
func TestAFrozenProcessChangesNothing(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		for name, wakes := range map[string]bool{"which ends its work": false, "which asks first": true} {
			t.Run(dialect+", "+name, func(t *testing.T) {
				t.Parallel()
				store := jobStore(t, open(t), dialect)
				var still atomic.Bool
				still.Store(true)
				goOn, stopped := make(chan struct{}), make(chan error, 1)
				opts := jobs.Options{Store: frozen{store, &still}, Workers: 1, Lease: 300 * time.Millisecond}
				_, h := jobRunner(t, opts, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
					select {
					case <-goOn:
					case <-ctx.Done():
					}
					stopped <- ctx.Err()
					return map[string]string{"by": "the first"}, nil
				}})
				location := startJob(t, h, "")
				<-time.After(350 * time.Millisecond)
				second := make(chan struct{})
				next, _ := jobRunner(t, jobs.Options{Store: store}, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) {
					<-second
					return map[string]string{"by": "the second"}, nil
				}})
				jobState(t, next, location, `"running","attempts":2}`)
				if wakes {
					still.Store(false)
				} else {
					close(goOn)
				}
				if err := <-stopped; (err != nil) != wakes {
					t.Errorf("the context of the first work: %v", err)
				}
				<-time.After(50 * time.Millisecond)
				jobState(t, next, location, `"running","attempts":2}`)
				close(second)
				jobState(t, next, location, `"succeeded","attempts":2,"by":"the second"}`)
			})
		}
	}
}

// jobProcess is the environment variable under which this binary is a process of
// a service that is killed: TestAKilledProcess starts it.
const jobProcess = "TENET_TEST_JOB_PROCESS"

// TestAProcessThatIsKilled is that process. It runs jobs until it is killed, and
// tells when it has begun one.
func TestAProcessThatIsKilled(t *testing.T) {
	text, ok := os.LookupEnv(jobProcess)
	if !ok {
		t.Skip("it is a part of TestAKilledProcessLosesNoJob")
	}
	var config struct{ Driver, Source, Dialect string }
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(config.Driver, config.Source)
	if err != nil {
		t.Fatal(err)
	}
	jobRunner(t, jobs.Options{Store: jobStore(t, db, config.Dialect), Lease: 900 * time.Millisecond}, jobs.Operation{
		Run: func(ctx context.Context, _ string, input []byte) (any, error) {
			jobs.Progress(ctx, map[string]string{"at": "half of " + string(input)})
			<-time.After(100 * time.Millisecond)
			fmt.Println("BEGUN")
			select {} // until the end
		},
	})
	select {}
}

func TestAKilledProcessLosesNoJob(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := jobStore(t, db, dialect)
			config := map[string]string{"Dialect": dialect, "Driver": "sqlite", "Source": "file:" + t.TempDir() + "/none"}
			if dialect == "postgres" {
				var schema string
				if err := db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
					t.Fatal(err)
				}
				config["Driver"], config["Source"] = "pgx", os.Getenv("TENET_POSTGRES_URL")+"&search_path="+schema
			} else {
				var skip, file string
				if err := db.QueryRowContext(t.Context(), "PRAGMA database_list").Scan(&skip, &skip, &file); err != nil {
					t.Fatal(err)
				}
				config["Source"] = "file:" + file + "?_pragma=busy_timeout(10000)"
			}
			text, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			// The web process accepts a job and runs none of the kind.
			never := jobs.Operation{Name: "never", Run: func(context.Context, string, []byte) (any, error) { return nil, nil }}
			web, _ := jobRunner(t, jobs.Options{Store: store}, never)
			caller := func(*http.Request) (string, bool) { return "ada", true }
			accepting, err := jobs.New(caller, jobUnit, jobs.Options{Store: store, Poll: time.Hour, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			ends := make(chan struct{})
			h, err := accepting.Operation(jobs.Operation{
				Name: "test", Accept: func(*http.Request) ([]byte, error) { return []byte("it"), nil },
				Run: func(context.Context, string, []byte) (any, error) { <-ends; return nil, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			busy := startJob(t, h, "") // it keeps this process busy, so that the next one waits
			jobState(t, web, busy, `"running"}`)
			location := startJob(t, h, "")

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			process := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAProcessThatIsKilled$", "-test.v")
			process.Env = append(os.Environ(), jobProcess+"="+string(text))
			out, err := process.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			said := make([]byte, 0, 1000)
			for !strings.Contains(string(said), "BEGUN") {
				n, err := out.Read(said[len(said):cap(said)])
				if said = said[:len(said)+n]; err != nil || len(said) == cap(said) {
					t.Fatalf("the process said %q: %v", said, err)
				}
			}
			jobState(t, web, location, `"running","at":"half of it"}`)
			if err := process.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = process.Wait() // with the error that it was killed
			killed := time.Now()

			// The next process runs it again, when the lease is over.
			next, _ := jobRunner(t, jobs.Options{Store: store}, jobs.Operation{Run: func(_ context.Context, subject string, input []byte) (any, error) {
				return map[string]string{"of": subject, "is": string(input)}, nil
			}})
			jobState(t, next, location, `"succeeded","attempts":2,"is":"it","of":"ada"}`)
			t.Logf("it was taken over %s after the end of its process", strconv.FormatFloat(time.Since(killed).Seconds(), 'f', 2, 64))
			close(ends)
			if err := accepting.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}
