package bench

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	casbin2 "github.com/casbin/casbin/v2"
	model2 "github.com/casbin/casbin/v2/model"
	casbin3 "github.com/casbin/casbin/v3"
	model3 "github.com/casbin/casbin/v3/model"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

const manyUnits = 10_000

// unitID is an id as a service would generate it. Each unit has up to eight below
// it.
func unitID(i int) string { return fmt.Sprintf("0192f0c1-7a3b-7c4d-8e5f-%012d", i) }

func manyOrgUnits() []ouscope.Unit {
	units := make([]ouscope.Unit, manyUnits)
	for i := range units {
		units[i] = ouscope.Unit{ID: unitID(i), Organization: "acme", Name: fmt.Sprint("Unit ", i), Slug: fmt.Sprint("unit-", i)}
		if i > 0 {
			units[i].Parent = unitID((i - 1) / 8)
		}
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
	return units
}

// manyGrants are 64 of ann, of three roles that imply each other, and some of bob,
// who sees 300 units by them.
func manyGrants() []ouscope.Assignment {
	random := rand.New(rand.NewPCG(7, 8))
	var grants []ouscope.Assignment
	for len(grants) < 64 {
		grants = append(grants, ouscope.Assignment{Subject: "ann", Unit: unitID(73 + random.IntN(512)), Role: []string{"admin", "editor", "reader"}[random.IntN(3)]})
	}
	for i := range 4 { // with all below it, 73 units each
		grants = append(grants, ouscope.Assignment{Subject: "bob", Unit: unitID(80 + 7*i), Role: "editor"})
	}
	for i := range 8 {
		grants = append(grants, ouscope.Assignment{Subject: "bob", Unit: unitID(400 + 3*i), Role: "editor", NoInherit: true})
	}
	return grants
}

var impliedRoles = map[string][]string{"admin": {"editor"}, "editor": {"reader"}}

func manyUnitsScoper(b *testing.B, opts ouscope.Options) *ouscope.Scoper {
	b.Helper()
	directory, err := ouscope.NewMemory(manyOrgUnits(), manyGrants())
	if err != nil {
		b.Fatal(err)
	}
	opts.Implies = impliedRoles
	scoper, err := ouscope.New(directory, ouscopetest.Subject, opts)
	if err != nil {
		b.Fatal(err)
	}
	return scoper
}

// scopeOfAll returns the scope of all that is granted to the subject.
func scopeOfAll(b *testing.B, subject string) ouscope.Scope {
	b.Helper()
	scope, err := manyUnitsScoper(b, ouscope.Options{Mode: "granted"}).For(b.Context(), subject, "")
	if err != nil {
		b.Fatal(err)
	}
	return scope
}

// unitModel is what a team that uses casbin writes for roles in a tree: g leads
// from a unit to the one above, g2 from a role to those that come with it.
const unitModel = `
[request_definition]
r = sub, unit, role
[policy_definition]
p = sub, unit, role
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && g(r.unit, p.unit) && g2(p.role, r.role)`

// unitPolicies are the lines of p, g and g2.
func unitPolicies() (p, g, g2 [][]string) {
	for _, a := range manyGrants() {
		if a.Subject == "ann" {
			p = append(p, []string{a.Subject, a.Unit, a.Role})
		}
	}
	for _, u := range manyOrgUnits() {
		if u.Parent != "" {
			g = append(g, []string{u.ID, u.Parent})
		}
	}
	for role, implied := range impliedRoles {
		g2 = append(g2, []string{role, implied[0]})
	}
	return p, g, g2
}

// An enforcer is what both versions of casbin have.
type enforcer interface {
	Enforce(args ...any) (bool, error)
	AddPolicies(rules [][]string) (bool, error)
	AddNamedGroupingPolicies(ptype string, rules [][]string) (bool, error)
}

func casbins(b *testing.B) map[string]enforcer {
	b.Helper()
	m2, err := model2.NewModelFromString(unitModel)
	if err != nil {
		b.Fatal(err)
	}
	m3, err := model3.NewModelFromString(unitModel)
	if err != nil {
		b.Fatal(err)
	}
	v2, err := casbin2.NewEnforcer(m2)
	if err != nil {
		b.Fatal(err)
	}
	v3, err := casbin3.NewEnforcer(m3)
	if err != nil {
		b.Fatal(err)
	}
	cached, err := casbin2.NewCachedEnforcer(m2.Copy())
	if err != nil {
		b.Fatal(err)
	}
	all := map[string]enforcer{"casbin v2": v2, "casbin v3": v3, "casbin v2, decisions cached": cached}
	for _, e := range all {
		fill(b, e)
	}
	return all
}

func fill(b *testing.B, e enforcer) {
	b.Helper()
	p, g, g2 := unitPolicies()
	_, err := e.AddPolicies(p)
	if err == nil {
		_, err = e.AddNamedGroupingPolicies("g", g)
	}
	if err == nil {
		_, err = e.AddNamedGroupingPolicies("g2", g2)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// May ann edit this unit? Of 1,024 units, some of them hers.
func BenchmarkOrgUnitDecision(b *testing.B) {
	scope := scopeOfAll(b, "ann")
	ids := make([]string, 1024)
	for i := range ids {
		ids[i] = unitID(i * 9)
	}
	b.Run("tenet", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			scope.HasRole(ids[i%len(ids)], "editor")
		}
	})
	for name, e := range casbins(b) {
		b.Run(name, func(b *testing.B) {
			for _, id := range ids {
				if may, err := e.Enforce("ann", id, "editor"); err != nil || may != scope.HasRole(id, "editor") {
					b.Fatalf("Enforce(%s) = %v, %v, want %v", id, may, err, !may)
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = e.Enforce("ann", ids[i%len(ids)], "editor")
			}
		})
	}
}

// The 300 units that a caller sees, as a list and as the condition of a query. To
// make such a list, casbin has to be asked for each of the 10,000.
func BenchmarkOrgUnitList(b *testing.B) {
	scope := scopeOfAll(b, "bob")
	ids := scope.IDs()
	if len(ids) != 300 {
		b.Fatalf("bob sees %d units, want 300", len(ids))
	}
	var sunk []string
	for name, f := range map[string]func(){
		"tenet":              func() { scope.IDs() },
		"tenet, a condition": func() { scope.SQL("postgres", "org_unit", 1) },
		"copy":               func() { sunk = slices.Clone(ids) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	_ = sunk
}

// 10,000 units are read, checked and numbered.
func BenchmarkOrgUnitSnapshot(b *testing.B) {
	b.Run("tenet", func(b *testing.B) {
		directory := &ouscopetest.Directory{}
		scoper, err := ouscope.New(directory, ouscopetest.Subject, ouscope.Options{Implies: impliedRoles})
		if err != nil {
			b.Fatal(err)
		}
		units, grants := manyOrgUnits(), manyGrants()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			units[0].ExternalRef = fmt.Sprint(i) // or the old snapshot stays
			if err := directory.Replace(b.Context(), units, grants); err != nil {
				b.Fatal(err)
			}
			scoper.Invalidate()
			if _, err := scoper.For(b.Context(), "bob", unitID(80)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("casbin v2", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := model2.NewModelFromString(unitModel)
			if err != nil {
				b.Fatal(err)
			}
			e, err := casbin2.NewEnforcer(m)
			if err != nil {
				b.Fatal(err)
			}
			fill(b, e)
		}
	})
	b.Run("casbin v3", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := model3.NewModelFromString(unitModel)
			if err != nil {
				b.Fatal(err)
			}
			e, err := casbin3.NewEnforcer(m)
			if err != nil {
				b.Fatal(err)
			}
			fill(b, e)
		}
	})
}

// The middleware as a whole: the subject, its grants from the cache, the choice
// from a signed cookie, the scope into the context. The floor puts a value there
// and checks nothing.
func BenchmarkOrgUnitMiddleware(b *testing.B) {
	scoper := manyUnitsScoper(b, ouscope.Options{CookieKeys: [][]byte{secret}})
	choice := request(http.MethodPost, "/org-units/active", "Ouscopetest-Subject", "ann", "Content-Type", "application/json")
	body := `{"org_unit_id":"` + manyGrants()[0].Unit + `"}`
	choice.Body, choice.ContentLength = readCloser{strings.NewReader(body)}, int64(len(body))
	w := newSink()
	scoper.ActiveHandler().ServeHTTP(w, choice)
	cookie, _, _ := strings.Cut(w.header.Get("Set-Cookie"), ";")
	if w.status != http.StatusOK || cookie == "" {
		b.Fatalf("choosing = %d, cookie %q", w.status, cookie)
	}
	r := request(http.MethodGet, "/leads", "Ouscopetest-Subject", "ann", "Cookie", cookie)
	floor := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ok.ServeHTTP(w, r.WithContext(ouscope.NewContext(r.Context(), ouscope.Scope{})))
	})
	compete(b, r, http.StatusOK, contender{"tenet", scoper.Handler(ok)}, contender{"tenet, with a role", scoper.Require("reader")(ok)}, contender{"floor", floor})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
