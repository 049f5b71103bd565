package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
	"github.com/tenetkit/tenet/ouscope/rls"
	"github.com/tenetkit/tenet/resource"
	rows "github.com/tenetkit/tenet/resource/sqlstore"
)

// The attacks on a service whose statements forget the scope altogether: the wall
// alone keeps callers in their units.
func TestTheWallAloneIsolates(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"subtree", "exact", "granted"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service {
				db := postgresDB(t)
				if _, err := db.ExecContext(t.Context(), "CREATE TABLE forgetful (id serial PRIMARY KEY, name text NOT NULL, org_unit text NOT NULL)"); err != nil {
					t.Fatalf("CREATE TABLE: %v", err)
				}
				wall, role := wallAround(t, db, "forgetful")
				if _, err := db.ExecContext(t.Context(), "GRANT USAGE ON SEQUENCE forgetful_id_seq TO "+role); err != nil {
					t.Fatalf("GRANT: %v", err)
				}
				return serviceOf(t, db, mode, &forgetful{behind(t, db, wall, role)})
			})
		})
	}
}

// The attacks on a resource whose store is behind the wall, and knows nothing of
// it.
func TestAResourceBehindTheWallIsIsolated(t *testing.T) {
	t.Parallel()
	ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service {
		db := postgresDB(t)
		opts := rows.Options{Dialect: "postgres", Table: "leads", Unit: "org_unit"}
		tables, err := rows.New[isolatedLead](db, opts)
		if err != nil {
			t.Fatalf("resource/sqlstore: %v", err)
		}
		if err := tables.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
		wall, role := wallAround(t, db, "leads")
		store, err := rows.New[isolatedLead](behind(t, db, wall, role), opts)
		if err != nil {
			t.Fatalf("resource/sqlstore: %v", err)
		}
		leads, err := resource.New[isolatedLead, isolatedLeadInput]("/leads", store, resource.Options{
			Scope: func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
			Roles: resource.Roles{Read: "reader", Create: "editor", Update: "editor", Delete: "editor"},
		})
		if err != nil {
			t.Fatalf("resource.New: %v", err)
		}
		return serviceOf(t, db, "subtree", leads)
	})
}

// serviceOf serves leads, with units, roles and choices in db.
func serviceOf(t *testing.T, db *sql.DB, mode string, leads http.Handler) ouscopetest.Service {
	t.Helper()
	units := ouStore(t, "postgres", db)
	scoper, err := ouscope.New(units, ouscopetest.Subject, ouscope.Options{
		Choices: units, Mode: mode, CacheTTL: time.Hour, Implies: map[string][]string{"admin": {"editor"}, "editor": {"reader"}},
	})
	if err != nil {
		t.Fatalf("ouscope.New: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/org-units", scoper.UnitsHandler())
	mux.Handle("/org-units/active", scoper.ActiveHandler())
	mux.Handle("/leads", scoper.Handler(leads))
	mux.Handle("/leads/{id}", scoper.Handler(leads))
	return ouscopetest.Service{
		Handler: mux, Path: "/leads", Mode: mode,
		Replace: func(ctx context.Context, all []ouscope.Unit, assignments []ouscope.Assignment) error {
			defer scoper.Invalidate()
			return replaceOrganization(ctx, db, units, all, assignments)
		},
	}
}

// A forgetful service asks for roles and never names the scope in a statement.
type forgetful struct{ db *sql.DB }

type forgetfulRow struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Unit string `json:"org_unit"`
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		switch id := r.PathValue("id"); {
		case id != "":
			return f.one(w, r, id)
		case r.Method == http.MethodPost:
			return f.create(w, r)
		default:
			return f.list(w, r)
		}
	}).ServeHTTP(w, r)
}

func (f *forgetful) list(w http.ResponseWriter, r *http.Request) error {
	page, limit, err := pagequery.Parse(r.URL.RawQuery, 25, 100, false)
	if err != nil {
		return err
	}
	list := struct {
		Data  []forgetfulRow `json:"data"`
		Total int            `json:"total"`
	}{Data: []forgetfulRow{}}
	if err := f.db.QueryRowContext(r.Context(), "SELECT count(*) FROM forgetful").Scan(&list.Total); err != nil {
		return err
	}
	found, err := f.db.QueryContext(r.Context(), "SELECT id, name, org_unit FROM forgetful ORDER BY id LIMIT $1 OFFSET $2", limit, (page-1)*limit)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var row forgetfulRow
		if err := found.Scan(&row.ID, &row.Name, &row.Unit); err != nil {
			return err
		}
		list.Data = append(list.Data, row)
	}
	if err := found.Err(); err != nil {
		return err
	}
	return httpjson.Write(w, r, http.StatusOK, list)
}

func (f *forgetful) create(w http.ResponseWriter, r *http.Request) error {
	scope := ouscope.FromContext(r.Context())
	if err := scope.Check(scope.Active(), "editor"); err != nil {
		return apierror.Forbidden("missing_role", "")
	}
	var body struct {
		Name string `json:"name"`
	}
	if err := httpjson.Decode(r, 0, &body); err != nil {
		return err
	}
	row := forgetfulRow{Name: body.Name, Unit: scope.Active()}
	err := f.db.QueryRowContext(r.Context(), "INSERT INTO forgetful (name, org_unit) VALUES ($1, $2) RETURNING id", row.Name, row.Unit).Scan(&row.ID)
	if err != nil {
		return err
	}
	return httpjson.Write(w, r, http.StatusCreated, row)
}

func (f *forgetful) one(w http.ResponseWriter, r *http.Request, id string) error {
	var row forgetfulRow
	err := f.db.QueryRowContext(r.Context(), "SELECT id, name, org_unit FROM forgetful WHERE id::text = $1", id).Scan(&row.ID, &row.Name, &row.Unit)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return apierror.NotFound("")
	case err != nil:
		return err
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return httpjson.Write(w, r, http.StatusOK, row)
	case r.Method == http.MethodPost:
		return apierror.New(http.StatusMethodNotAllowed, "")
	}
	if err := ouscope.FromContext(r.Context()).Check(row.Unit, "editor"); err != nil {
		return err
	}
	if r.Method == http.MethodDelete {
		if _, err := f.db.ExecContext(r.Context(), "DELETE FROM forgetful WHERE id::text = $1", id); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return apierror.New(http.StatusMethodNotAllowed, "")
}

// Callers of many scopes and of none share few connections, and each sees its own
// rows, by statements alone, prepared ones and transactions, also where some fail
// and some clients leave.
func TestConnectionsBehindTheWallAreShared(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	units := []ouscope.Unit{{ID: "top"}}
	var rowsOf []string
	for i := range 8 {
		id := fmt.Sprint("u", i)
		units = append(units, ouscope.Unit{ID: id, Parent: "top"})
		for range i + 1 {
			rowsOf = append(rowsOf, id)
		}
	}
	w.fill(rowsOf)
	db := behind(t, w.db, w.wall, w.role)
	db.SetMaxOpenConns(2)
	prepared, err := db.PrepareContext(t.Context(), "SELECT count(*) FROM leads")
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	defer prepared.Close()
	const query = "SELECT count(*) FROM leads"
	rounds := sized(60, 20)
	var wg sync.WaitGroup
	for i := range 9 {
		ctx, want := t.Context(), 0
		if i < 8 {
			scope := walledScope(t, units, []ouscope.Assignment{{Subject: "ann", Unit: fmt.Sprint("u", i), Role: "reader"}})
			ctx, want = ouscope.NewContext(ctx, scope), i+1
		}
		wg.Go(func() {
			for round := range rounds {
				n := -1
				var err error
				switch round % 5 {
				case 0:
					err = db.QueryRowContext(ctx, query).Scan(&n)
				case 1:
					err = prepared.QueryRowContext(ctx).Scan(&n)
				case 2:
					var tx *sql.Tx
					if tx, err = db.BeginTx(ctx, nil); err == nil {
						err = tx.QueryRow(query).Scan(&n)
						_ = tx.Rollback()
					}
				case 3: // fails, and leaves nothing behind
					if _, failed := db.ExecContext(ctx, "INSERT INTO leads VALUES (0, 'u0')"); failed == nil {
						t.Error("a row with an id that is there was inserted")
					}
					n = want
				case 4:
					gone, leave := context.WithCancel(ctx)
					found, e := db.QueryContext(gone, "SELECT id FROM leads")
					leave()
					if e == nil {
						found.Close()
					}
					n = want
				}
				if err != nil || n != want {
					t.Errorf("caller %d, round %d: %d rows, %v, want %d", i, round, n, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// A statement that writes and returns rows is committed.
func TestStatementsAloneAreCommitted(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	db := behind(t, w.db, w.wall, w.role)
	uk := walledScope(t, []ouscope.Unit{{ID: "uk"}, {ID: "us"}}, []ouscope.Assignment{{Subject: "ann", Unit: "uk", Role: "reader"}})
	ctx := ouscope.NewContext(t.Context(), uk)
	if err := w.wall.Verify(ctx, func(ctx context.Context, query string, args ...any) error {
		_, err := db.ExecContext(ctx, query, args...)
		return err
	}, "leads"); err != nil {
		t.Errorf("Verify = %v, want nil", err)
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO leads VALUES (1, 'uk')"); err != nil {
		t.Errorf("INSERT: %v", err)
	}
	var id int
	if err := db.QueryRowContext(ctx, "INSERT INTO leads VALUES (2, 'uk') RETURNING id").Scan(&id); err != nil || id != 2 {
		t.Errorf("INSERT ... RETURNING = %d, %v, want 2", id, err)
	}
	found := ints(t, db, "SELECT 1", nil) // without a scope
	if len(found) != 1 {
		t.Errorf("SELECT 1 = %v", found)
	}
	for _, statement := range []string{"INSERT INTO leads VALUES (3, 'us')", "INSERT INTO leads VALUES (3, 'us') RETURNING id", "UPDATE leads SET org_unit = 'us' RETURNING id"} {
		if _, err := db.ExecContext(ctx, statement); err == nil || !strings.Contains(err.Error(), "row-level security") {
			t.Errorf("Exec of %s = %v, want it refused by the wall", statement, err)
		}
		if err := db.QueryRowContext(ctx, statement).Scan(&id); err == nil || !strings.Contains(err.Error(), "row-level security") {
			t.Errorf("Query of %s = %v, want it refused by the wall", statement, err)
		}
	}
	if n := w.count(w.db); n != 2 {
		t.Errorf("the table has %d rows, want 2", n)
	}
}

// Without database/sql, Enter takes the transaction of pgx.
func TestPgxEntersByHand(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	w.fill([]string{"uk", "uk", "us"})
	uk := walledScope(t, []ouscope.Unit{{ID: "uk"}, {ID: "us"}}, []ouscope.Assignment{{Subject: "ann", Unit: "uk", Role: "reader"}})
	var schema string
	if err := w.db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
		t.Fatalf("current_schema: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), engineURL(t, "TENET_POSTGRES_URL"))
	if err != nil {
		t.Fatalf("Connect: %v", err)
	}
	defer conn.Close(t.Context())
	for _, statement := range []string{"SET search_path TO " + schema, "SET ROLE " + w.role} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, want := range []int{0, 2, 0} {
		scope := map[int]ouscope.Scope{2: uk}[want]
		err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			var exec rls.Exec = func(ctx context.Context, query string, args ...any) error {
				_, err := tx.Exec(ctx, query, args...)
				return err
			}
			if err := w.wall.Enter(t.Context(), exec, scope); err != nil {
				return err
			}
			var n int
			if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM leads").Scan(&n); err != nil || n != want {
				t.Errorf("a bare SELECT counts %d, %v, want %d", n, err, want)
			}
			return nil
		})
		if err != nil {
			t.Errorf("the transaction: %v", err)
		}
	}
}
