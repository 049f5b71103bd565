package inherit_test

import (
	"testing"

	"github.com/tenetkit/tenet/internal/inherit"
	"github.com/tenetkit/tenet/ouscope"
)

func TestWithoutAScopeNothingInherits(t *testing.T) {
	t.Parallel()
	s := inherit.FromContext(t.Context())
	if s.Inherits("uk", "admin") || !s.Gains("uk", "de") {
		t.Error("a context without a scope inherits")
	}
	s = inherit.FromContext(ouscope.NewContext(t.Context(), ouscope.Scope{}))
	if s.Inherits("uk", "admin") || !s.Gains("uk", "de") {
		t.Error("the zero scope inherits")
	}
}
