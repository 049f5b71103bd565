package resource_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource"
)

// failed returns the body of a 422 with one failure.
func failed(field, code, message string) string {
	return `{"error":"validation_failed","message":"` + message + `","details":{"field":"` + field + `","code":"` + code +
		`","errors":[{"field":"` + field + `","code":"` + code + `","message":"` + message + `"}]}}`
}

func refused(field, code, message string) string {
	return `{"error":"bad_request","message":"` + message + `","details":{"field":"` + field + `","code":"` + code + `"}}`
}

func TestBadBodiesAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body   string
		header string
		status int
		want   string
	}{
		"an unknown field": {
			body: `{"name":"Ada","valeu":1}`, status: 400,
			want: refused("valeu", "unknown", "Unknown field valeu; did you mean value?"),
		},
		"trailing data": {
			body: `{"name":"Ada"} {}`, status: 400,
		},
		"a duplicate name": {
			body: `{"name":"Ada","name":"Bob"}`, status: 400,
		},
		"a duplicate name by way of an escape": {
			body: `{"name":"Ada","n\u0061me":"Bob"}`, status: 400,
		},
		"a name in the wrong case": {
			body: `{"Name":"Ada"}`, status: 400,
			want: refused("Name", "unknown", "Unknown field Name; did you mean name?"),
		},
		"invalid UTF-8": {
			body: "{\"name\":\"\xff\"}", status: 400,
		},
		"text/plain": {
			body: `{"name":"Ada"}`, header: "Content-Type: text/plain", status: 415,
			want: `{"error":"unsupported_media_type","message":"Content-Type must be application/json"}`,
		},
		"two megabytes": {
			body: `{"name":"` + strings.Repeat("a", 2<<20) + `"}`, status: 413,
			want: `{"error":"content_too_large","message":"Request body is larger than 1048576 bytes"}`,
		},
		"nothing": {
			body: " ", status: 400,
		},
		"an array": {
			body: `[]`, status: 400, want: strings.Replace(refused("", "type", "Request body must be an object"), `"field":"",`, "", 1),
		},
		"null": {
			body: `null`, status: 400, want: strings.Replace(refused("", "type", "Request body must not be null"), `"field":"",`, "", 1),
		},
		"a merge patch for a POST": {
			body: `{"name":"Ada"}`, header: "Content-Type: application/merge-patch+json", status: 415,
		},
		"a wrong type": {
			body: `{"name":7}`, status: 400, want: refused("name", "type", "Name must be a string"),
		},
		"null where it is not allowed": {
			body: `{"name":"Ada","active":null}`, status: 422, want: failed("active", "null", "Active must not be null"),
		},
		"a number beyond a float64": {
			body: `{"name":"Ada","value":1e999}`, status: 400, want: refused("value", "type", "Value is a number out of range"),
		},
		"a missing field": {
			body: `{"value":1}`, status: 422, want: failed("name", "required", "Name is required"),
		},
		"the character that PostgreSQL cannot keep": {
			body: `{"name":"A\u0000"}`, status: 422,
			want: failed("name", "character", "Name must not contain the character U+0000"),
		},
		"a field of the server": {
			body: `{"name":"Ada","org_unit":"uk"}`, status: 422,
			want: failed("org_unit", "read_only", "Org unit is set by the server"),
		},
		"a wrong type among broken rules": {
			body: `{"id":"7","active":null,"value":"x","name":""}`, status: 400, want: refused("value", "type", "Value must be a number"),
		},
		"everything at once": {
			body: `{"id":"7","active":null,"email":"nobody","name":""}`, status: 422,
			want: `{"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[` +
				`{"field":"name","code":"required","message":"Name is required"},` +
				`{"field":"email","code":"email","message":"Email must be an email address"},` +
				`{"field":"active","code":"null","message":"Active must not be null"},` +
				`{"field":"id","code":"read_only","message":"ID is set by the server"}]}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leads, _ := newLeads(t, resource.Options{})
			var headers []string
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			for _, method := range []string{"POST", "PUT"} {
				target := "/leads"
				if method == "PUT" {
					if strings.Contains(tt.want, "read_only") || tt.header != "" {
						continue
					}
					target = do(leads, editor, "POST", "/leads", `{"name":"Eve"}`).Header().Get("Location")
				}
				rec := do(leads, editor, method, target, tt.body, headers...)
				if rec.Code != tt.status {
					t.Fatalf("%s %.60s: status %d %s, want %d", method, tt.body, rec.Code, rec.Body, tt.status)
				}
				if tt.want != "" {
					if diff := cmp.Diff(tt.want, rec.Body.String()); diff != "" {
						t.Errorf("%s %.60s: body mismatch (-want +got):\n%s", method, tt.body, diff)
					}
				}
				if got := rec.Header().Get("Cache-Control"); got != "no-store" {
					t.Errorf("Cache-Control = %q, want no-store", got)
				}
			}
			if rec := do(leads, editor, "GET", "/leads?filter=name!=Eve", ""); !strings.Contains(rec.Body.String(), `"total":0`) {
				t.Errorf("a refused body left a row: %s", rec.Body)
			}
		})
	}
}

func TestReplaceAndPatch(t *testing.T) {
	t.Parallel()
	const before = `{"name":"Ada","email":"ada@example.com","value":3,"active":true}`
	tests := map[string]struct {
		method string
		body   string
		status int
		want   string // the row's own fields, or the whole error
	}{
		"PUT replaces: what is absent becomes null or zero": {
			method: "PUT", body: `{"name":"Bob"}`, status: 200,
			want: `"name":"Bob","email":null,"value":0,"active":false`,
		},
		"PATCH merges: what is absent stays": {
			method: "PATCH", body: `{"name":"Bob"}`, status: 200,
			want: `"name":"Bob","email":"ada@example.com","value":3,"active":true`,
		},
		"PATCH with null makes null": {
			method: "PATCH", body: `{"email":null}`, status: 200,
			want: `"name":"Ada","email":null,"value":3,"active":true`,
		},
		"PATCH with zero makes zero": {
			method: "PATCH", body: `{"value":0,"active":false}`, status: 200,
			want: `"name":"Ada","email":"ada@example.com","value":0,"active":false`,
		},
		"PATCH with nothing changes nothing": {
			method: "PATCH", body: `{}`, status: 200,
			want: `"name":"Ada","email":"ada@example.com","value":3,"active":true`,
		},
		"PATCH with null where it is not allowed": {
			method: "PATCH", body: `{"value":null}`, status: 422,
			want: failed("value", "null", "Value must not be null"),
		},
		"PATCH is validated as a whole row": {
			method: "PATCH", body: `{"name":""}`, status: 422,
			want: failed("name", "required", "Name is required"),
		},
		"PUT with a field of the server that differs": {
			method: "PUT", body: `{"name":"Bob","created_at":"2020-01-01T00:00:00Z"}`, status: 422,
			want: failed("created_at", "read_only", "Created at is set by the server"),
		},
		"PATCH with a field of the server that differs": {
			method: "PATCH", body: `{"id":"x"}`, status: 422,
			want: failed("id", "read_only", "ID is set by the server"),
		},
		"PATCH with a field of the server of another type": {
			method: "PATCH", body: `{"org_unit":{}}`, status: 422,
			want: failed("org_unit", "read_only", "Org unit is set by the server"),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leads, _ := newLeads(t, resource.Options{})
			created := do(leads, editor, "POST", "/leads", before)
			target := created.Header().Get("Location")
			types := []string{"application/json", "application/json; charset=utf-8"}
			if tt.method == "PATCH" {
				types = append(types, "application/merge-patch+json")
			}
			for _, media := range types {
				rec := do(leads, editor, tt.method, target, tt.body, "Content-Type: "+media)
				if rec.Code != tt.status {
					t.Fatalf("%s %s as %s: status %d %s, want %d", tt.method, tt.body, media, rec.Code, rec.Body, tt.status)
				}
				if tt.status != http.StatusOK {
					if diff := cmp.Diff(tt.want, rec.Body.String()); diff != "" {
						t.Errorf("body mismatch (-want +got):\n%s", diff)
					}
					continue
				}
				if !strings.Contains(rec.Body.String(), tt.want) {
					t.Errorf("%s %s = %s, want %s in it", tt.method, tt.body, rec.Body, tt.want)
				}
				if get := do(leads, editor, "GET", target, ""); get.Body.String() != rec.Body.String() ||
					get.Header().Get("Etag") != rec.Header().Get("Etag") {
					t.Errorf("GET afterwards = %s %s, want %s %s", get.Header().Get("Etag"), get.Body, rec.Header().Get("Etag"), rec.Body)
				}
			}
		})
	}
}

func TestARowThatWasReadCanBeSentBack(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles})
	target := do(leads, editor, "POST", "/leads", `{"name":"Ada","email":"ada@example.com"}`).Header().Get("Location")
	read := do(leads, editor, "GET", target, "")
	for _, method := range []string{"PUT", "PATCH"} {
		rec := do(leads, editor, method, target, read.Body.String(), "If-Match: "+read.Header().Get("Etag"))
		if rec.Code != http.StatusOK || rec.Body.String() != read.Body.String() {
			t.Errorf("%s of the row itself = %d %s, want 200 and the same row, updated_at included", method, rec.Code, rec.Body)
		}
		if got, want := rec.Header().Get("Etag"), read.Header().Get("Etag"); got != want {
			t.Errorf("%s of the row itself: ETag %s, want %s", method, got, want)
		}
	}
}

// elsewhere is a store that returns times as a driver may: in the zone of the
// process.
type elsewhere struct{ resource.Store[shipment] }

func (s elsewhere) Update(ctx context.Context, scope resource.Scope, id string, change func(shipment) (shipment, error)) (shipment, error) {
	zone := time.FixedZone("", 3600)
	return s.Store.Update(ctx, scope, id, func(row shipment) (shipment, error) {
		sent := row.Sent.In(zone)
		row.Sent, row.CreatedAt, row.UpdatedAt = &sent, row.CreatedAt.In(zone), row.UpdatedAt.In(zone)
		return change(row)
	})
}

type shipment struct {
	ID        string     `json:"id"`
	Note      string     `json:"note"`
	Sent      *time.Time `json:"sent"` // filled by the server
	Lost      *time.Time `json:"lost"` // also
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

func TestTimesRepeatThemselvesHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	store, err := resource.NewMemory[shipment]("")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	if _, err := store.Create(t.Context(), resource.Everything(), shipment{ID: "1", Sent: &at, CreatedAt: at, UpdatedAt: at}); err != nil {
		t.Fatal(err)
	}
	shipments, err := resource.New[shipment, struct {
		Note string `json:"note"`
	}]("/shipments", elsewhere{store}, resource.Options{Unscoped: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"1","note":"","sent":"2026-01-02T03:04:05.5Z","lost":null,"created_at":"2026-01-02T03:04:05.5Z","updated_at":"2026-01-02T03:04:05.5Z"}`
	tests := map[string]struct {
		body   string
		status int
	}{
		"nothing":              {`{}`, 200},
		"the same":             {want, 200},
		"another zone":         {`{"sent":"2026-01-02T04:04:05.5+01:00","created_at":"2026-01-02T04:04:05.5+01:00"}`, 200},
		"more zeros":           {`{"sent":"2026-01-02T03:04:05.500Z","updated_at":"2026-01-02T03:04:05.500Z"}`, 200},
		"another time":         {`{"sent":"2026-01-02T03:04:05.6Z"}`, 422},
		"null in place of one": {`{"sent":null}`, 422},
		"one in place of null": {`{"lost":"2026-01-02T03:04:05.5Z"}`, 422},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"PUT", "PATCH"} {
				rec := do(shipments, units{}, method, "/shipments/1", tt.body)
				if rec.Code != tt.status || rec.Code == 200 && rec.Body.String() != want {
					t.Errorf("%s %s = %d %s, want %d and the row as it was", method, tt.body, rec.Code, rec.Body, tt.status)
				}
			}
		})
	}
}
