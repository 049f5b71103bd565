package apierror_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/apierror"
)

// A code of one's own is an Error of one's own, which others can ask for.
var errQuotaSpent = &apierror.Error{
	Status:  http.StatusPaymentRequired,
	Code:    "quota_spent",
	Message: "The quota of this month is spent",
}

func ExampleError() {
	// The cause is for the log alone.
	err := fmt.Errorf("export: %w", errQuotaSpent.Wrap(errors.New("billing: 0 of 1000 left")))

	w := httptest.NewRecorder()
	apierror.Write(w, httptest.NewRequest("POST", "/exports", nil), err)
	fmt.Println(w.Code, w.Body)
	fmt.Println(errors.Is(err, errQuotaSpent))
	if e, ok := errors.AsType[*apierror.Error](err); ok {
		fmt.Println(e.Code)
	}
	// Output:
	// 402 {"error":"quota_spent","message":"The quota of this month is spent"}
	// true
	// quota_spent
}

// The details say which of several reasons it was.
func ExampleError_Is() {
	err := apierror.Forbidden("missing_role", "The role editor is needed")

	fmt.Println(errors.Is(err, apierror.Forbidden("", "")))
	fmt.Println(errors.Is(err, apierror.Forbidden("missing_role", "")))
	fmt.Println(errors.Is(err, apierror.Forbidden("active_ou_required", "")))
	// Output:
	// true
	// true
	// false
}

func ExampleError_WithHeader() {
	w := httptest.NewRecorder()
	apierror.Write(w, httptest.NewRequest("PATCH", "/leads/7", nil),
		apierror.New(http.StatusUnsupportedMediaType, "").WithHeader("Accept-Patch", "application/merge-patch+json"))
	fmt.Println(w.Code, w.Header().Get("Accept-Patch"))
	// Output:
	// 415 application/merge-patch+json
}
