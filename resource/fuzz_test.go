package resource_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource"
)

// FuzzBody sends bytes as a POST, as a PUT and as a PATCH. What is accepted has
// to be what encoding/json reads from the same bytes, within the rules.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"name":"Ada"}`, `{"name":"Ada","email":null,"value":0,"active":false}`, `{"name":"A","value":1e2}`, `{"name":"\ud83d\ude00"}`,
		`{"name":"x","value":-1}`, `{"NAME":"x"}`, `{"name":"a","name":"b"}`, `[]`, `null`, `{`, "{\"name\":\"\xff\"}", `{"name":"a"}{}`,
		`{"name":"a\u0000"}`, `{"id":"1"}`, ` {"name" : "a" , "value" : 1.0 } `,
	} {
		f.Add([]byte(s))
	}
	leads, _ := newLeads(f, resource.Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		target := do(leads, editor, "POST", "/leads", `{"name":"Eve","value":3}`).Header().Get("Location")
		for _, method := range []string{"POST", "PUT", "PATCH"} {
			at := target
			if method == "POST" {
				at = "/leads"
			}
			rec := do(leads, editor, method, at, string(body), "Content-Type: application/json")
			switch rec.Code {
			case http.StatusOK, http.StatusCreated:
			case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
				if !json.Valid(rec.Body.Bytes()) {
					t.Errorf("%s %q = %s", method, body, rec.Body)
				}
				continue
			default:
				t.Fatalf("%s %q = %d %s", method, body, rec.Code, rec.Body)
			}
			want := LeadInput{}
			if method == "PATCH" {
				want = LeadInput{Name: "Eve", Value: 3}
			}
			d := json.NewDecoder(bytes.NewReader(body))
			if err := d.Decode(&want); err != nil {
				t.Fatalf("%s %q was accepted: %v", method, body, err)
			}
			var got Lead
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, LeadInput{got.Name, got.Email, got.Value, got.Active}); diff != "" {
				t.Errorf("%s %q (-want +got):\n%s", method, body, diff)
			}
			if got.Name == "" || len([]rune(got.Name)) > 200 || got.Value < 0 || strings.Contains(got.Name, "\x00") {
				t.Errorf("%s %q was accepted against the rules: %s", method, body, rec.Body)
			}
			// Back to the first row, where PATCH begins.
			do(leads, editor, "PUT", target, `{"name":"Eve","value":3}`)
		}
		do(leads, editor, "DELETE", target, "")
	})
}

// FuzzMatch sends anything as If-Match.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{`"x"`, `W/"x"`, `*`, `"a", "b"`, `x`, `"`, ``, `,,`, `"a"b"`, `**`} {
		f.Add(s)
	}
	leads, _ := newLeads(f, resource.Options{})
	created := do(leads, editor, "POST", "/leads", `{"name":"Eve"}`)
	target, tag := created.Header().Get("Location"), created.Header().Get("Etag")
	f.Fuzz(func(t *testing.T, match string) {
		rec := do(leads, editor, "PATCH", target, `{}`, "If-Match: "+match)
		switch rec.Code {
		case 200:
			if strings.TrimSpace(match) != "*" && !strings.Contains(match, tag) {
				t.Errorf("If-Match: %q was taken for %s", match, tag)
			}
		case 400, 412:
		default:
			t.Errorf("If-Match: %q = %d %s", match, rec.Code, rec.Body)
		}
	})
}
