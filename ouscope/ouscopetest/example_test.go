package ouscopetest_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// The fixture alone, for a test of one's own: a role is revoked under way.
func ExampleDirectory() {
	ctx := context.Background()
	directory := &ouscopetest.Directory{}
	_ = directory.Replace(ctx, ouscopetest.Units(), ouscopetest.Assignments())
	scoper, err := ouscope.New(directory, ouscopetest.Subject, ouscope.Options{CacheTTL: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "/leads", nil)
	r.Header.Set("Ouscopetest-Subject", "emea")

	scope, err := scoper.Resolve(r)
	fmt.Println(scope.IDs(), err)
	_ = directory.Replace(ctx, ouscopetest.Units(), nil)
	scope, err = scoper.Resolve(r)
	fmt.Println(scope.IDs(), err)
	// Output:
	// [de emea uk] <nil>
	// [] 403 forbidden: Your roles do not permit this here
}
