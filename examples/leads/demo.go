package main

import (
	"fmt"
	"net"
	"time"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/resource"
)

// demoUnits is the organization of a new database.
func demoUnits() []ouscope.Unit {
	unit := func(id, parent, name string) ouscope.Unit {
		return ouscope.Unit{ID: id, Organization: "acme", Parent: parent, Name: name, Slug: id}
	}
	return []ouscope.Unit{
		unit("acme", "", "Acme"),
		unit("emea", "acme", "Europe, Middle East and Africa"),
		unit("uk", "emea", "United Kingdom"),
		unit("de", "emea", "Germany"),
		unit("amer", "acme", "Americas"),
		unit("us", "amer", "United States"),
		unit("ca", "amer", "Canada"),
		unit("apac", "acme", "Asia-Pacific"),
	}
}

// demoAssignments are the roles of the demo clients.
func demoAssignments() []ouscope.Assignment {
	return []ouscope.Assignment{
		{ID: "1", Subject: "demo-emea", Unit: "emea", Role: "editor"},
		{ID: "2", Subject: "demo-reader", Unit: "uk", Role: "reader"},
		{ID: "3", Subject: "demo-apac", Unit: "apac", Role: "editor"},
		{ID: "4", Subject: "demo-admin", Unit: "acme", Role: "admin"},
		{ID: "5", Subject: "demo-multi", Unit: "uk", Role: "reader"},
		{ID: "6", Subject: "demo-multi", Unit: "apac", Role: "reader"},
	}
}

// demoLeads makes n leads of a unit. Two in three are active, every fourth has no
// email address.
func demoLeads(unit string, n int) []Lead {
	first := []string{"Ada", "Alan", "Barbara", "Claude", "Dorothy", "Edsger", "Grace", "Ken", "Margaret", "Niklaus"}
	last := []string{"Adler", "Berg", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jones", "Khan", "Lopez", "Moreau"}
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	leads := make([]Lead, n)
	for i := range leads {
		at := start.Add(time.Duration(i) * time.Hour)
		leads[i] = Lead{
			ID:        resource.NewID(),
			Name:      first[i%len(first)] + " " + last[i%len(last)],
			Value:     float64(i%40) * 125.5,
			Active:    i%3 != 2,
			OrgUnit:   unit,
			CreatedAt: at,
			UpdatedAt: at,
		}
		if i%4 != 3 {
			leads[i].Email = new(fmt.Sprintf("lead-%s-%d@example.com", unit, i+1))
		}
	}
	return leads
}

// A demoClient is a client that the banner shows with its secret.
type demoClient struct {
	id     string
	secret string
	about  string
	writes bool // whether it can create leads without choosing a unit first
}

// newDemoClients makes the demo clients, which live in memory alone: every start
// has new secrets, unless one secret is given for all of them.
func newDemoClients(secret string) ([]demoClient, []auth.Client, error) {
	shown := []demoClient{
		{id: "demo-emea", about: "editor on emea, so on uk and de too", writes: true},
		{id: "demo-reader", about: "reader on uk alone"},
		{id: "demo-apac", about: "editor on apac", writes: true},
		{id: "demo-admin", about: "admin on acme: every unit", writes: true},
		{id: "demo-multi", about: "reader on uk and on apac: has to choose one"},
		{id: "demo-none", about: "no role"},
	}
	hash := ""
	if secret != "" {
		// A person's secret is worth a slow hash; one for all of them is enough.
		var err error
		if hash, err = auth.HashSecret(secret); err != nil {
			return nil, nil, err
		}
	}
	clients := make([]auth.Client, len(shown))
	for i := range shown {
		shown[i].secret = secret
		if secret == "" {
			shown[i].secret, hash = auth.GenerateSecret()
		}
		clients[i] = auth.Client{ID: shown[i].id, Secrets: []auth.Secret{{Hash: hash}}}
	}
	return shown, clients, nil
}

// baseURL is where a caller on this machine reaches the listener.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
