// Command ownjwt is a service that checks its tokens with a middleware of its own
// and adopts ouscope alone: the subject comes in through a func, and the scope
// filters a query written by hand.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/tenetkit/tenet/ouscope"
)

// signingKey is the team's own; a real service reads it from its secrets.
var signingKey = []byte("an-example-key-of-thirty-two-bytes")

type userKey struct{}

// requireToken is the middleware that the service had before.
func requireToken(next http.Handler) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		var claims jwt.RegisteredClaims
		_, err := parser.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) { return signingKey, nil })
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, claims.Subject)))
	})
}

// subject is all that ouscope has to know of it.
func subject(r *http.Request) (string, bool) {
	id, ok := r.Context().Value(userKey{}).(string)
	return id, ok
}

func newHandler(db *sql.DB) (http.Handler, error) {
	directory, err := ouscope.NewMemory(
		[]ouscope.Unit{
			{ID: "emea", Name: "EMEA", Slug: "emea"},
			{ID: "uk", Parent: "emea", Name: "United Kingdom", Slug: "uk"},
			{ID: "de", Parent: "emea", Name: "Germany", Slug: "de"},
		},
		[]ouscope.Assignment{
			{Subject: "ada", Unit: "emea", Role: "reader"},
			{Subject: "bob", Unit: "uk", Role: "reader"},
		},
	)
	if err != nil {
		return nil, err
	}
	scoper, err := ouscope.New(directory, subject, ouscope.Options{})
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	mux.Handle("GET /orders", requireToken(scoper.Handler(listOrders(db))))
	mux.Handle("/org-units", requireToken(scoper.UnitsHandler()))
	mux.Handle("/org-units/active", requireToken(scoper.ActiveHandler()))
	return mux, nil
}

// listOrders puts the scope's condition into its own query. A handler that is
// mounted without the middleware gets the zero scope and so no rows.
func listOrders(db *sql.DB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		condition, args := ouscope.FromContext(r.Context()).SQL("sqlite", "org_unit", 1)
		rows, err := db.QueryContext(r.Context(), "SELECT id FROM orders WHERE "+condition+" ORDER BY id", args...)
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		ids := []string{}
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				http.Error(w, "internal error", http.StatusInternalServerError)
				return
			}
			ids = append(ids, id)
		}
		if rows.Err() != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(ids)
	})
}

func openOrders() (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	_, err = db.Exec(`CREATE TABLE orders (id TEXT PRIMARY KEY, org_unit TEXT NOT NULL);
		INSERT INTO orders VALUES ('order-1', 'uk'), ('order-2', 'de'), ('order-3', 'uk')`)
	return db, err
}

func newToken(subject string) (string, error) {
	claims := jwt.RegisteredClaims{Subject: subject, ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(signingKey)
}

func main() {
	db, err := openOrders()
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newHandler(db)
	if err != nil {
		log.Fatal(err)
	}
	token, err := newToken("ada")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("curl -H 'Authorization: Bearer %s' http://127.0.0.1:8080/orders\n", token)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
