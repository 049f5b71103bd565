package sqlerr_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/apierror/sqlerr"
)

// A handler returns the error of its query; the mapping answers it.
func Example() {
	insert := func() error {
		return &PgError{Code: "23505", Detail: "Key (email)=(bob@example.com) already exists."}
	}
	create := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := insert(); err != nil {
			return fmt.Errorf("users: create: %w", err)
		}
		w.WriteHeader(http.StatusCreated)
		return nil
	})
	root := apierror.Recover(apierror.Options{Mappings: []func(error) *apierror.Error{sqlerr.Map}})(create)

	w := httptest.NewRecorder()
	root.ServeHTTP(w, httptest.NewRequest("POST", "/users", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}
}

// MySQL names the key that is taken and not its column.
func ExampleOptions() {
	mapping := sqlerr.Options{Fields: map[string]string{"users_email_unique": "email"}}
	err := &MySQLError{Number: 1062, Message: "Duplicate entry 'bob@example.com' for key 'users.users_email_unique'"}
	fmt.Println(mapping.Map(err).Details.Field)
	// Output:
	// email
}

func ExampleRetryable() {
	attempts := 0
	transfer := func() error {
		if attempts++; attempts < 3 {
			return &PgError{Code: "40001"}
		}
		return nil
	}
	err := errors.New("not yet tried")
	for range 5 {
		if err = transfer(); !sqlerr.Retryable(err) {
			break
		}
	}
	fmt.Println(attempts, err)
	// Output:
	// 3 <nil>
}
