package apierror_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tenetkit/tenet/apierror"
)

// allocs counts the allocations of f, which gets a header that is empty and a
// request that stays.
func allocs(t *testing.T, target string, f func(http.ResponseWriter, *http.Request)) float64 {
	t.Helper()
	w := &discard{http.Header{}}
	r := httptest.NewRequest("GET", target, nil)
	return testing.AllocsPerRun(200, func() {
		clear(w.header)
		f(w, r)
	})
}

func TestWriteMakes0Allocations(t *testing.T) {
	for name, err := range map[string]error{
		"401":                 errPlain401,
		"404":                 apierror.NotFound(""),
		"404 in own words":    apierror.NotFound("No such widget"),
		"405":                 apierror.New(405, "").WithHeader("Allow", "GET, HEAD"),
		"429":                 errPlain429,
		"429 with a code":     errCoded429,
		"422 of two failures": errInvalid,
	} {
		if n := allocs(t, "/", func(w http.ResponseWriter, r *http.Request) { apierror.Write(w, r, err) }); n != 0 {
			t.Errorf("%s: Write makes %v allocations, want 0", name, n)
		}
	}
}

func TestMuxMakes1AllocationOnAHit(t *testing.T) {
	mux := newMux()
	alone := allocs(t, "/widgets/7", mux.ServeHTTP)
	if n := allocs(t, "/widgets/7", apierror.Mux(mux).ServeHTTP) - alone; n != 1 {
		t.Errorf("Mux makes %v allocations, want 1", n)
	}
}

func TestRecoverMakes2AllocationsAndMuxBehindItNone(t *testing.T) {
	mux := newMux()
	alone := allocs(t, "/widgets/7", mux.ServeHTTP)
	recovering := apierror.Recover(apierror.Options{})
	if n := allocs(t, "/widgets/7", recovering(mux).ServeHTTP) - alone; n != 2 {
		t.Errorf("Recover makes %v allocations, want 2", n)
	}
	if n := allocs(t, "/widgets/7", recovering(apierror.Mux(mux)).ServeHTTP) - alone; n != 2 {
		t.Errorf("Recover and Mux make %v allocations, want 2", n)
	}
}

func TestCheckAcceptMakes0Allocations(t *testing.T) {
	for _, accept := range []string{"application/json", "application/json, text/plain, */*", "text/html"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if n := testing.AllocsPerRun(200, func() { _ = apierror.CheckAccept(r) }); n != 0 {
			t.Errorf("%s: CheckAccept makes %v allocations, want 0", accept, n)
		}
	}
}
