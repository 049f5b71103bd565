package phc_test

import (
	"strings"
	"testing"

	"github.com/tenetkit/tenet/auth/internal/phc"
)

// Hashes of the secret "open sesame", as cheap as they may be.
const (
	bcrypt   = "$2a$04$STxeM6qyee0ijg0fW0NcPuN3wD7gr.Rg1U/42cHFwQZQEVCIxZDfu"
	argon    = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$Qh6lRttZ5qsAOsO44b+YNBmBewcAKcCv+00NoU8d2Sc"
	pbkdf256 = "$pbkdf2-sha256$i=1000$AAAAAAAAAAAAAAAAAAAAAA$TjVdXKFs2CSl7+eKA/HhAmb56iGoIwytIbBvDDjtRRA"
	pbkdf512 = "$pbkdf2-sha512$i=1000$AAAAAAAAAAAAAAAAAAAAAA$fM4OnvoxWxpGmsRJChBcMaCps2ncE4IPdIAECT+EQUCsjETSQYRXn2XHa4aC5OGtls687zGUDZaNtlOj3dv6dw"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		hash     string
		kind     phc.Kind
		outdated bool // of the slow ones
	}{
		"bcrypt":        {bcrypt, phc.Bcrypt, true},
		"argon2id":      {argon, phc.Argon2id, true},
		"pbkdf2-sha256": {pbkdf256, phc.PBKDF2, true},
		"pbkdf2-sha512": {pbkdf512, phc.PBKDF2, true},
		"a new one":     {phc.New("open sesame"), phc.Argon2id, false},
		"a fast one":    {phc.Fast("open sesame"), phc.SHA256, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := phc.Parse(tt.hash)
			if err != nil || h.Kind != tt.kind {
				t.Fatalf("Parse(%q) = kind %d, %v, want kind %d", tt.hash, h.Kind, err, tt.kind)
			}
			if !h.Matches([]byte("open sesame")) || h.Matches([]byte("open sesam")) || h.Matches(nil) {
				t.Errorf("%q does not match its secret alone", tt.hash)
			}
			fast, ok := new(phc.FastSum).MatchesFast(tt.hash, []byte("open sesame"))
			if want := tt.kind == phc.SHA256; fast != want || ok != want {
				t.Errorf("MatchesFast(%q) = %v, %v, want %v twice", tt.hash, fast, ok, want)
			}
			if got := phc.Outdated(tt.hash); !fast && got != tt.outdated {
				t.Errorf("Outdated(%q) = %v, want %v", tt.hash, got, tt.outdated)
			}
		})
	}
}

// A hash that is read stays within the bounds, and reading one never panics.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "$", "$sha256$", "$argon2id$v=19$m=8,t=1,p=1$$", "$pbkdf2-sha256$i=1$", "$2a$04$", bcrypt, argon, pbkdf256, pbkdf512, phc.Fast("x"),
		strings.Replace(argon, "m=8", "m=8388608", 1), strings.Replace(pbkdf256, "i=1000", "i=99999999999999999999", 1),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := phc.Parse(s)
		if err != nil {
			return
		}
		if len(s) > 300 || strings.Count(s, "$") < 2 {
			t.Fatalf("%q was read", s)
		}
		// Cheap ones are also computed.
		if fast, _ := new(phc.FastSum).MatchesFast(s, nil); fast != (h.Kind == phc.SHA256) || fast && h.Matches([]byte("no such secret")) {
			t.Fatalf("%q matches, or is read two ways", s)
		}
	})
}
