package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/follow"
	"github.com/tenetkit/tenet/ouscope/sqlstore"
)

// listenPostgres hears of changes on a channel of PostgreSQL.
func listenPostgres(url, channel string) follow.Listen {
	return func(ctx context.Context, notify func(subject string)) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
			return err
		}
		notify("") // heard from here on
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			notify(n.Payload)
		}
	}
}

// listenRedis hears of changes on a channel of Redis.
func listenRedis(rdb *redis.Client, name string) follow.Listen {
	return func(ctx context.Context, notify func(subject string)) error {
		channel := rdb.Subscribe(ctx, name)
		defer channel.Close()
		defer context.AfterFunc(ctx, func() { channel.Close() })() // a wait does not heed ctx
		if _, err := channel.Receive(ctx); err != nil {            // the confirmation
			return err
		}
		notify("") // heard from here on
		for {
			message, err := channel.ReceiveMessage(ctx)
			if err != nil {
				return err
			}
			notify(message.Payload)
		}
	}
}

// A followed scoper reports what it was made to forget.
type followed struct {
	*ouscope.Scoper
	forgot chan []string
	outage chan error
}

func (f *followed) Invalidate(subjects ...string) {
	f.Scoper.Invalidate(subjects...)
	f.forgot <- subjects
}

// following starts a process of its own on the store, which would use grants for
// an hour, and waits until it hears.
func following(t *testing.T, store *sqlstore.Store, listen follow.Listen) *followed {
	t.Helper()
	f := &followed{ouScoper(t, store, ouscope.Options{CacheTTL: time.Hour}), make(chan []string, 1000), make(chan error, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- follow.Changes(ctx, f, listen, follow.Options{OnOutage: func(err error) { f.outage <- err }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Changes = %v, want %v", err, context.Canceled)
		}
	})
	f.await(t, "")
	return f
}

// await waits until the process has been made to forget the subject, or, if it is
// empty, everything.
func (f *followed) await(t *testing.T, subject string) {
	t.Helper()
	for {
		select {
		case forgot := <-f.forgot:
			if strings.Join(forgot, " ") == subject {
				return
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("the change of %q was not heard", subject)
		}
	}
}

func (f *followed) units(t *testing.T, subject string) string {
	t.Helper()
	scope, err := f.For(t.Context(), subject, "")
	if err != nil && !strings.HasPrefix(err.Error(), "403 ") {
		t.Errorf("For(%q): %v", subject, err)
	}
	return strings.Join(scope.IDs(), " ")
}

// An office changes the organization in one process.
func office(t *testing.T, store *sqlstore.Store, opts admin.Options) func(method, target, body string) string {
	t.Helper()
	scoper := ouScoper(t, store, ouscope.Options{CacheTTL: time.Hour, Implies: map[string][]string{"admin": {"reader"}}})
	a, err := admin.New(scoper, store, opts)
	if err != nil {
		t.Fatalf("admin.New: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/org-units", a.UnitsHandler())
	mux.Handle("/org-units/{id}", a.UnitsHandler())
	mux.Handle("/role-assignments", a.AssignmentsHandler())
	mux.Handle("/role-assignments/{id}", a.AssignmentsHandler())
	return func(method, target, body string) string {
		t.Helper()
		r := ouRequest(t.Context(), "chief", method, body)
		r.URL.Path = target
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code >= 300 {
			t.Fatalf("%s %s = %d %s", method, target, w.Code, w.Body)
		}
		return w.Header().Get("Location")
	}
}

// startOrganization fills the store.
func startOrganization(t *testing.T, store *sqlstore.Store, db *sql.DB) {
	t.Helper()
	err := store.Insert(t.Context(), db, []ouscope.Unit{{ID: "acme"}, {ID: "uk", Parent: "acme", Name: "UK"}, {ID: "de", Parent: "acme"}},
		[]ouscope.Assignment{
			{ID: "1", Subject: "chief", Unit: "acme", Role: "admin"},
			{ID: "2", Subject: "ann", Unit: "uk", Role: "reader"},
			{ID: "3", Subject: "bob", Unit: "uk", Role: "reader"},
		})
	if err != nil {
		t.Fatalf("Insert: %v", err)
	}
}

// changeElsewhere makes each kind of change in one process and looks at it in
// another.
func changeElsewhere(t *testing.T, change func(method, target, body string) string, other *followed) {
	t.Helper()
	var got []string
	look := func(subject string) { got = append(got, subject+": "+other.units(t, subject)) }
	look("ann")
	look("bob")
	change("DELETE", "/role-assignments/2", "")
	other.await(t, "ann")
	look("ann")
	look("bob")
	change("POST", "/role-assignments", `{"subject":"ann","org_unit_id":"acme","role":"reader"}`)
	other.await(t, "ann")
	look("ann")
	location := change("POST", "/org-units", `{"name":"Leeds","parent":"uk"}`)
	other.await(t, "")
	id := strings.TrimPrefix(location, "/org-units/")
	got = append(got, fmt.Sprint("bob sees the new unit: ", strings.Contains(other.units(t, "bob"), id)))
	change("PUT", "/org-units/uk", `{"name":"UK","disabled":true}`)
	other.await(t, "")
	look("bob")
	want := []string{"ann: uk", "bob: uk", "ann: ", "bob: uk", "ann: acme de uk", "bob sees the new unit: true", "bob: "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

// What one process changes, another hears from PostgreSQL: the notification comes
// with the commit.
func TestChangesAreHeardThroughPostgres(t *testing.T) {
	t.Parallel()
	db, channel := postgresDB(t), ownName()
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: "postgres", Channel: channel})
	if err != nil {
		t.Fatalf("sqlstore.New: %v", err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	url := engineURL(t, "TENET_POSTGRES_URL")
	startOrganization(t, store, db)
	other := following(t, store, listenPostgres(url, channel))
	changeElsewhere(t, office(t, store, admin.Options{}), other)

	// Insert tells, too, when it is committed and not before; a rollback tells
	// nothing; a subject that no notification holds stands for all.
	for len(other.forgot) > 0 {
		<-other.forgot
	}
	long := strings.Repeat("x", 8001)
	for _, commit := range []bool{false, true} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatalf("BeginTx: %v", err)
		}
		if err := store.Insert(t.Context(), tx, nil, []ouscope.Assignment{
			{Subject: "eve", Unit: "de", Role: "reader"}, {Subject: long, Unit: "de", Role: "reader"},
		}); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		if commit {
			err = tx.Commit()
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			t.Fatalf("the end of the transaction: %v", err)
		}
	}
	if first := <-other.forgot; strings.Join(first, " ") != "eve" {
		t.Errorf("the first notification is of %q, want eve", first)
	}
	if second := <-other.forgot; len(second) != 0 {
		t.Errorf("the second notification is of %.20q, want all", second)
	}
	if len(other.forgot) > 0 {
		t.Errorf("a third notification is of %.20q", <-other.forgot)
	}
	if got := other.units(t, "eve"); got != "de" {
		t.Errorf("eve sees %q, want de", got)
	}

	// The server ends the connection, and a change is made meanwhile.
	if _, err := db.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1", "LISTEN "+channel); err != nil {
		t.Fatalf("pg_terminate_backend: %v", err)
	}
	if err := <-other.outage; err == nil {
		t.Error("OnOutage(nil), want the error")
	}
	if _, err := db.ExecContext(t.Context(), "DELETE FROM ou_assignments WHERE subject = 'eve'"); err != nil {
		t.Fatalf("DELETE: %v", err)
	}
	if err := <-other.outage; err != nil {
		t.Errorf("OnOutage(%v), want nil", err)
	}
	other.await(t, "") // by the end of the connection
	other.await(t, "") // by the new one
	if got := other.units(t, "eve"); got != "" {
		t.Errorf("eve sees %q after the outage, want nothing", got)
	}
}

// What one process changes, another hears from Redis, whatever keeps the units.
func TestChangesAreHeardThroughRedis(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		rdb, prefix := redisClient(t)
		channel, named := prefix+"changes", *rdb.Options()
		named.ClientName = ownName()
		subscriber := redis.NewClient(&named)
		t.Cleanup(func() { subscriber.Close() })
		store := ouStore(t, dialect, db)
		startOrganization(t, store, db)
		other := following(t, store, listenRedis(subscriber, channel))
		changeElsewhere(t, office(t, store, admin.Options{Publish: func(ctx context.Context, subject string) {
			if err := rdb.Publish(ctx, channel, subject).Err(); err != nil {
				t.Errorf("PUBLISH: %v", err)
			}
		}}), other)

		for len(other.forgot) > 0 {
			<-other.forgot
		}
		// The server ends the connection, and a change is made meanwhile.
		clients, err := rdb.ClientList(t.Context()).Result()
		if err != nil {
			t.Fatalf("CLIENT LIST: %v", err)
		}
		for line := range strings.Lines(clients) {
			if strings.Contains(line, " name="+named.ClientName+" ") {
				id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
				if err := rdb.Do(t.Context(), "CLIENT", "KILL", "ID", id).Err(); err != nil {
					t.Fatalf("CLIENT KILL: %v", err)
				}
			}
		}
		if err := <-other.outage; err == nil {
			t.Error("OnOutage(nil), want the error")
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM ou_assignments WHERE subject = 'ann'"); err != nil {
			t.Fatalf("DELETE: %v", err)
		}
		if err := <-other.outage; err != nil {
			t.Errorf("OnOutage(%v), want nil", err)
		}
		other.await(t, "")
		other.await(t, "")
		if got := other.units(t, "ann"); got != "" {
			t.Errorf("ann sees %q after the outage, want nothing", got)
		}
	})
}
