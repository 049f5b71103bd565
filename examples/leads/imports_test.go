package main

import (
	"database/sql"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// importOf is an import of so many rows, named from "row 0" on.
func importOf(as string, rows int) call {
	var body strings.Builder
	for i := range rows {
		fmt.Fprintf(&body, `,{"name":"row %d"}`, i)
	}
	return call{as: as, method: "POST", target: "/leads/import", body: "[" + body.String()[1:] + "]"}
}

// imported counts the rows of importOf that are in, and how many different ones.
func imported(t *testing.T, db *sql.DB) (rows, names int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*), count(DISTINCT name) FROM leads WHERE name LIKE 'row %'").Scan(&rows, &names); err != nil {
		t.Fatal(err)
	}
	return rows, names
}

// aJobFailed waits until a job has failed, which a caller without a role cannot ask
// for.
func aJobFailed(t *testing.T, db *sql.DB) {
	t.Helper()
	for deadline, tick := time.Now().Add(lease+time.Minute), time.Tick(10*time.Millisecond); ; <-tick {
		var failed int
		if err := db.QueryRow("SELECT count(*) FROM jobs_queue WHERE status = 'failed'").Scan(&failed); err != nil {
			t.Fatal(err)
		}
		if failed > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the job goes on")
		}
	}
}

// spawnUnlimited runs the program with a limit that no test reaches.
func spawnUnlimited(t *testing.T, binary string, e engine) (*server, *exec.Cmd) {
	t.Helper()
	return spawn(t, binary, "-db", e.flag, "-rate", "1000000", "-burst", "1000000")
}

// TestKilledImport kills the built program in the middle of an import. The next one
// goes on with it, as the caller who started it and with what that may do by then.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	binary := build(t)
	const rows = 9_000
	// killed returns the import and its answer.
	killed := func(t *testing.T, e engine, db *sql.DB) (post call, accepted answer) {
		s, cmd := spawnUnlimited(t, binary, e)
		post = importOf("demo-apac", rows)
		post.header = map[string]string{"Idempotency-Key": "import-of-today"}
		accepted = s.want(t, 202, post)
		for deadline, tick := time.Now().Add(time.Minute), time.Tick(time.Millisecond); ; <-tick {
			if n, _ := imported(t, db); n >= rows/10 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the import does not begin")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the program ended by itself")
		}
		return post, accepted
	}

	t.Run("is finished by the next process", func(t *testing.T) {
		t.Parallel()
		forEachEngine(t, func(t *testing.T, e engine) {
			_, cmd := spawnUnlimited(t, binary, e) // makes the tables
			db := open(t, e)
			stop(t, cmd, syscall.SIGTERM)
			post, accepted := killed(t, e, db)
			if n, _ := imported(t, db); n >= rows {
				t.Fatalf("%d of %d rows are in: the import was killed too late", n, rows)
			}

			s, cmd := spawnUnlimited(t, binary, e)
			again := s.want(t, 202, post)
			if again.body != accepted.body || again.header.Get("Location") != accepted.header.Get("Location") || again.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("sent again, the import is answered %s at %s, want the first answer %s at %s",
					again.body, again.header.Get("Location"), accepted.body, accepted.header.Get("Location"))
			}
			j := s.finished(t, "demo-apac", accepted.header.Get("Location"))
			if j.Status != "succeeded" || j.Attempts != 2 || j.Counts.Total != rows || j.Counts.Succeeded != rows || j.Counts.Failed != 0 {
				t.Errorf("job %+v, want all %d rows succeeded in the second attempt", j, rows)
			}
			if n, names := imported(t, db); n != rows || names != rows {
				t.Errorf("%d rows with %d names, want each of %d once", n, names, rows)
			}
			stop(t, cmd, syscall.SIGTERM)
		})
	})
	t.Run("fails where the role was revoked meanwhile", func(t *testing.T) {
		t.Parallel()
		forEachEngine(t, func(t *testing.T, e engine) {
			_, cmd := spawnUnlimited(t, binary, e) // makes the tables
			db := open(t, e)
			stop(t, cmd, syscall.SIGTERM)
			_, accepted := killed(t, e, db)
			if _, err := db.Exec("DELETE FROM ou_assignments WHERE subject = 'demo-apac'"); err != nil {
				t.Fatal(err)
			}

			s, cmd := spawnUnlimited(t, binary, e)
			before, _ := imported(t, db)
			aJobFailed(t, db)
			s.want(t, 403, call{as: "demo-apac", target: accepted.header.Get("Location")})
			s.want(t, 201, call{as: "demo-admin", method: "POST", target: "/role-assignments", body: `{"subject":"demo-apac","org_unit_id":"apac","role":"reader"}`})
			j := s.finished(t, "demo-apac", accepted.header.Get("Location"))
			if j.Status != "failed" || len(j.Errors) == 0 || j.Errors[0].Code != "missing_role" {
				t.Errorf("job %+v, want failed with missing_role", j)
			}
			if after, _ := imported(t, db); after != before || after >= rows {
				t.Errorf("%d rows after the role was gone, want the %d of before, of %d", after, before, rows)
			}
			stop(t, cmd, syscall.SIGTERM)
		})
	})
}

// TestImportStaysInItsUnit goes on in another unit while an import runs: its job is
// not there, and is when the caller is back.
func TestImportStaysInItsUnit(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		db := open(t, e)
		const as, rows = "demo-multi", 1000
		choose := func(unit string) {
			t.Helper()
			s.want(t, 200, call{as: as, method: "POST", target: "/org-units/active", body: `{"org_unit_id":"` + unit + `"}`})
		}
		s.want(t, 201, call{as: "demo-admin", method: "POST", target: "/role-assignments", body: `{"subject":"` + as + `","org_unit_id":"uk","role":"editor"}`})
		choose("uk")
		location := s.want(t, 202, importOf(as, rows)).header.Get("Location")
		s.want(t, 200, call{as: as, target: location})

		choose("apac")
		hidden := func() {
			t.Helper()
			for _, method := range []string{"GET", "HEAD", "DELETE"} {
				other := s.want(t, 404, call{as: as, method: method, target: location})
				unknown := s.want(t, 404, call{as: as, method: method, target: "/jobs/UNKNOWN"})
				if other.body != unknown.body {
					t.Errorf("%s of the job of another unit answers %s, of an unknown one %s", method, other.body, unknown.body)
				}
			}
		}
		hidden()
		for deadline, tick := time.Now().Add(time.Minute), time.Tick(10*time.Millisecond); ; <-tick {
			if n, _ := imported(t, db); n == rows {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the import does not go on")
			}
		}
		hidden()
		s.want(t, 204, call{as: as, method: "DELETE", target: "/org-units/active"})
		s.want(t, 403, call{as: as, target: location})

		choose("uk")
		if j := s.finished(t, as, location); j.Status != "succeeded" || j.Counts.Succeeded != rows {
			t.Errorf("job %+v, want all %d rows succeeded", j, rows)
		}
		var strays int
		if err := db.QueryRow("SELECT count(*) FROM leads WHERE name LIKE 'row %' AND org_unit <> 'uk'").Scan(&strays); err != nil || strays != 0 {
			t.Errorf("%d rows are in other units, %v", strays, err)
		}
	})
}

// stop ends the program, which has to exit with 0.
func stop(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after %v: %v, want exit status 0", sig, err)
	}
}

// TestSIGTERM stops the built program while imports run and wait. It leaves none
// half done: those that run are finished, the others are there for the next start.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			e := sqliteEngine(t)
			s, cmd := spawn(t, binary, "-db", e.flag)
			const imports, rows = 7, 300 // four run at a time
			var locations []string
			for range imports {
				locations = append(locations, s.want(t, 202, importOf("demo-apac", rows)).header.Get("Location"))
			}
			stop(t, cmd, sig)

			db := open(t, e)
			var running int
			if err := db.QueryRow("SELECT count(*) FROM jobs_queue WHERE status = 'running'").Scan(&running); err != nil || running != 0 {
				t.Errorf("after %v %d imports are running (%v), want them finished or waiting", sig, running, err)
			}
			s, cmd = spawnUnlimited(t, binary, e)
			for _, location := range locations {
				if j := s.finished(t, "demo-apac", location); j.Status != "succeeded" || j.Attempts > 1 {
					t.Errorf("job %+v, want succeeded in its first attempt", j)
				}
			}
			if n, names := imported(t, db); n != imports*rows || names != rows {
				t.Errorf("%d leads with %d names, want each of %d %d times: an accepted import was lost", n, names, rows, imports)
			}
			stop(t, cmd, sig)
		})
	}
}
