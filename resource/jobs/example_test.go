package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/jobs"
)

type Lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Value     float64   `json:"value"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type LeadInput struct {
	Name  string  `json:"name" validate:"required"`
	Value float64 `json:"value" validate:"gte=0"`
}

// An import of leads, two of which are bad: they are reported by their index,
// the others go in.
func Example() {
	store, err := resource.NewMemory[Lead]("")
	if err != nil {
		log.Fatal(err)
	}
	leads, err := resource.New[Lead, LeadInput]("/leads", store, resource.Options{Unscoped: true})
	if err != nil {
		log.Fatal(err)
	}
	caller := func(*http.Request) (string, bool) { return "ada", true } // auth.Subject
	runner, err := jobs.New(caller, jobs.Unscoped, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/leads", leads)
	mux.Handle("POST /leads/import", runner.Start(leads.Import))
	mux.Handle("/jobs/{id}", runner.Handler())

	body := `[{"name":"Ada"},{"name":""},{"name":"Bob","value":3},{"name":"Eve","value":-1}]`
	r := httptest.NewRequest("POST", "/leads/import", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	accepted := httptest.NewRecorder()
	mux.ServeHTTP(accepted, r)
	fmt.Println(accepted.Code, "Retry-After:", accepted.Header().Get("Retry-After"))

	// A server does this when it shuts down. Here it is how the example waits.
	if err := runner.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	job := httptest.NewRecorder()
	mux.ServeHTTP(job, httptest.NewRequest("GET", accepted.Header().Get("Location"), nil))
	text := job.Body.String()
	fmt.Println(job.Code, text[strings.Index(text, `"counts"`):])
	// Output:
	// 202 Retry-After: 1
	// 200 "counts":{"total":4,"succeeded":2,"failed":2},"errors":[{"index":1,"field":"name","code":"required","message":"Name is required"},{"index":3,"field":"value","code":"min","message":"Value must be 0 or more"}]}
}

// Work that may meet a busy neighbour is tried again. With Options.Store the same
// lines make a job that survives a restart.
func ExampleRunner_Operation() {
	caller := func(*http.Request) (string, bool) { return "ada", true } // auth.Subject
	runner, err := jobs.New(caller, jobs.Unscoped, jobs.Options{})      // Store: store
	if err != nil {
		log.Fatal(err)
	}
	busy := true
	letters, err := runner.Operation(jobs.Operation{
		Name:   "letters.send",
		Accept: func(r *http.Request) ([]byte, error) { return io.ReadAll(io.LimitReader(r.Body, 1000)) },
		Run: func(_ context.Context, subject string, input []byte) (any, error) {
			if busy {
				busy = false
				return nil, errors.New("421 try again later")
			}
			return map[string]string{"sent": subject + " to " + string(input)}, nil
		},
		Wait: time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	accepted := httptest.NewRecorder()
	letters.ServeHTTP(accepted, httptest.NewRequest("POST", "/letters", strings.NewReader("bob")))
	fmt.Println(accepted.Code)

	if err := runner.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	job := httptest.NewRecorder()
	runner.Handler().ServeHTTP(job, httptest.NewRequest("GET", accepted.Header().Get("Location"), nil))
	text := job.Body.String()
	fmt.Println(job.Code, text[strings.Index(text, `"attempts"`):])
	// Output:
	// 202
	// 200 "attempts":2,"sent":"ada to bob"}
}

// A job is seen in the unit that it was started in, and not from another that its
// subject works in.
func ExampleNew() {
	caller := func(*http.Request) (string, bool) { return "ada", true } // auth.Subject
	active := "uk"
	unit := func(*http.Request) string { return active } // ouscope.FromContext(r.Context()).Active()
	runner, err := jobs.New(caller, unit, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	report := runner.Start(func(*http.Request) (func(context.Context) (any, error), error) {
		return func(context.Context) (any, error) { return map[string]string{"report": "/reports/7"}, nil }, nil
	})
	accepted := httptest.NewRecorder()
	report.ServeHTTP(accepted, httptest.NewRequest("POST", "/reports", nil))

	for _, active = range []string{"de", "uk"} {
		job := httptest.NewRecorder()
		runner.Handler().ServeHTTP(job, httptest.NewRequest("GET", accepted.Header().Get("Location"), nil))
		fmt.Println(active, job.Code)
	}
	if err := runner.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// de 404
	// uk 200
}

// Work of one's own tells how far it is; a GET of the job shows it.
func ExampleProgress() {
	caller := func(*http.Request) (string, bool) { return "ada", true } // auth.Subject
	runner, err := jobs.New(caller, jobs.Unscoped, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	halfway, looked := make(chan bool), make(chan bool)
	report := runner.Start(func(*http.Request) (func(context.Context) (any, error), error) {
		return func(ctx context.Context) (any, error) {
			jobs.Progress(ctx, map[string]int{"pages": 12, "of": 24})
			halfway <- true
			<-looked
			return map[string]string{"report": "/reports/7"}, nil
		}, nil
	})
	accepted := httptest.NewRecorder()
	report.ServeHTTP(accepted, httptest.NewRequest("POST", "/reports", nil))

	look := func() {
		rec := httptest.NewRecorder()
		runner.Handler().ServeHTTP(rec, httptest.NewRequest("GET", accepted.Header().Get("Location"), nil))
		var job struct {
			Status    string
			Pages, Of int
			Report    string
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &job); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%+v\n", job)
	}
	<-halfway
	look()
	looked <- true
	if err := runner.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	look()
	// Output:
	// {Status:running Pages:12 Of:24 Report:}
	// {Status:succeeded Pages:0 Of:0 Report:/reports/7}
}
