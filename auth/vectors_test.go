package auth_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/jwk"
	"github.com/tenetkit/tenet/auth/internal/jws"
)

type wycheproof struct {
	TestGroups []struct {
		Comment         string
		Private, Public json.RawMessage
		Tests           []struct {
			TcID    int
			Comment string
			JWS     string
			Result  string
		}
	}
}

func readVectors(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "jose", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// verifyJWS checks the token with the keys of a JWK or a JWK Set. A set with a
// key that cannot be used, whatever it is, verifies nothing.
func verifyJWS(t *testing.T, keys json.RawMessage, token string) error {
	t.Helper()
	var parsed []jwk.Key
	if strings.Contains(string(keys), `"keys"`) {
		set, skipped, err := jwk.ParseSet(keys)
		if err != nil {
			return err
		}
		if len(skipped) > 0 {
			return skipped[0]
		}
		parsed = set
	} else {
		key, err := jwk.Parse(keys)
		if err != nil {
			return err
		}
		parsed = []jwk.Key{key}
	}
	var list []auth.Key
	for _, k := range parsed {
		list = append(list, auth.Key{ID: k.ID, Algorithm: k.Algorithm, Key: k.Key})
	}
	set, err := auth.NewKeySet(list...)
	if err != nil {
		return err
	}
	return auth.VerifyCompact(set, jws.Names(), token)
}

// Why each case is waived is told in testdata/jose/README.md.
func TestWycheproofSignatures(t *testing.T) {
	t.Parallel()
	waived := map[int]bool{367: true, 370: true, 346: true, 350: true, 372: true, 373: true}
	misspelt := map[int]bool{347: true, 351: true}
	var file wycheproof
	readVectors(t, "json_web_signature_test.json", &file)
	right := 0
	for _, g := range file.TestGroups {
		keys := g.Public
		if keys == nil {
			keys = g.Private
		}
		for _, c := range g.Tests {
			if waived[c.TcID] {
				continue
			}
			keys := keys
			if misspelt[c.TcID] {
				keys = json.RawMessage(strings.ReplaceAll(string(keys), "ES521", "ES512"))
			}
			if err := verifyJWS(t, keys, c.JWS); (err == nil) != (c.Result == "valid") {
				t.Errorf("case %d (%s, %s) = %v, want %s", c.TcID, g.Comment, c.Comment, err, c.Result)
				continue
			}
			right++
		}
	}
	if right < 395 {
		t.Errorf("%d cases came out right, want 395", right)
	}
}

func TestWycheproofKeys(t *testing.T) {
	t.Parallel()
	var file wycheproof
	readVectors(t, "json_web_key_test.json", &file)
	right := 0
	for _, g := range file.TestGroups {
		keys := g.Public
		if keys == nil {
			keys = g.Private
		}
		for _, c := range g.Tests {
			if err := verifyJWS(t, keys, c.JWS); (err == nil) != (c.Result == "valid") {
				t.Errorf("case %d (%s, %s) = %v, want %s", c.TcID, g.Comment, c.Comment, err, c.Result)
				continue
			}
			right++
		}
	}
	if right < 26 {
		t.Errorf("%d cases came out right, want 26", right)
	}
}

type cookbook struct {
	Input struct {
		Key json.RawMessage
		Alg any
	}
	Output struct {
		Compact  string
		JSON     json.RawMessage
		JSONFlat json.RawMessage `json:"json_flat"`
	}
}

// public strips the private parts of a JWK.
func public(t *testing.T, key json.RawMessage) json.RawMessage {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(key, &o); err != nil {
		return key // a list of keys
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		delete(o, name)
	}
	stripped, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return stripped
}

func TestRFC7520(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{ // whether the compact form verifies
		"jws_4_1.rsa_v15_signature.json":                 true,
		"jws_4_2.rsa-pss_signature.json":                 true,
		"jws_4_3.ecdsa_signature.json":                   true,
		"jws_4_4.hmac-sha2_integrity_protection.json":    true,
		"curve25519_jws.json":                            true,
		"jws_4_5.signature_with_detached_content.json":   false,
		"jws_4_6.protecting_specific_header_fields.json": false,
		"jws_4_7.protecting_content_only.json":           false,
		"jws_4_8.multiple_signatures.json":               false,
		"rfc7797_4.2.hmac-sha2_b64_false.json":           false,
		"rfc7797_hmac-sha2_b64_false.json":               false,
	}
	for name, valid := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v cookbook
			readVectors(t, filepath.Join("rfc7520", name), &v)
			key := v.Input.Key
			if key[0] == '[' {
				var several []json.RawMessage
				if err := json.Unmarshal(key, &several); err != nil {
					t.Fatal(err)
				}
				key = several[len(several)-1]
			}
			key = public(t, key)
			// Figure 20 signs PS384 under a key that says RS256 or the like.
			if alg, ok := v.Input.Alg.(string); ok {
				var o map[string]any
				if err := json.Unmarshal(key, &o); err != nil {
					t.Fatal(err)
				}
				o["alg"] = alg
				key, _ = json.Marshal(o)
			}
			if v.Output.Compact != "" {
				if err := verifyJWS(t, key, v.Output.Compact); (err == nil) != valid {
					t.Errorf("compact form = %v, want valid %v", err, valid)
				}
			} else if valid {
				t.Error("there is no compact form")
			}
			for _, form := range []json.RawMessage{v.Output.JSON, v.Output.JSONFlat} {
				if form != nil && verifyJWS(t, key, string(form)) == nil {
					t.Error("a JSON serialization was accepted")
				}
			}
		})
	}
}
