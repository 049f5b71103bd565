package apierror_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/tenetkit/tenet/apierror"
)

// The log gets the cause and the id of the request, the client only the id.
func ExampleRecover() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	root := apierror.Recover(apierror.Options{Logger: logger, RequestIDHeader: "X-Request-Id"})(
		apierror.Handler(func(http.ResponseWriter, *http.Request) error {
			return errors.New("sql: database is closed")
		}))

	r := httptest.NewRequest("GET", "/leads", nil)
	r.Header.Set("X-Request-Id", "edge-42")
	w := httptest.NewRecorder()
	root.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// level=ERROR msg="request refused" status=500 error=internal_server_error method=GET path=/leads request_id=edge-42 cause="sql: database is closed"
	// 500 {"error":"internal_server_error","message":"Internal server error","details":{"request_id":"edge-42"}}
}

// Errors of one's own domain need not know of HTTP: one func maps them all.
func ExampleOptions_mappings() {
	errSoldOut := errors.New("stock: sold out")
	errNoRows := errors.New("store: no such row") // sql.ErrNoRows, say

	root := apierror.Recover(apierror.Options{Mappings: []func(error) *apierror.Error{
		func(err error) *apierror.Error {
			switch {
			case errors.Is(err, errSoldOut):
				return apierror.Conflict("sku", "sold_out", "That article is sold out")
			case errors.Is(err, errNoRows):
				return apierror.NotFound("")
			}
			return nil // ask the next
		},
	}})(apierror.Handler(func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("order 7: %w", errSoldOut)
	}))

	w := httptest.NewRecorder()
	root.ServeHTTP(w, httptest.NewRequest("POST", "/orders", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 409 {"error":"conflict","message":"That article is sold out","details":{"field":"sku","code":"sold_out"}}
}

// An API that speaks RFC 9457 to everybody.
func ExampleOptions_problem() {
	root := apierror.Recover(apierror.Options{Problem: true})(http.HandlerFunc(apierror.NotFoundHandler))

	w := httptest.NewRecorder()
	root.ServeHTTP(w, httptest.NewRequest("GET", "/leads/7", nil))
	fmt.Println(w.Header().Get("Content-Type"), w.Body)
	// Output:
	// application/problem+json {"title":"Not Found","status":404,"detail":"Resource not found","error":"not_found"}
}
