// Package clientfile reads files of clients:
//
//	[
//	  {"id": "reports", "secrets": [{"hash": "$sha256$...", "not_after": "2026-12-31T23:59:59Z"}]},
//	  {"id": "robot", "org_unit": "uk", "secrets": [{"hash": "$argon2id$..."}], "disabled": true, "claims": {"rate": 600}}
//	]
//
// The members are those of [auth.Client]. What encoding/json passes over or
// repairs is refused: "Disabled" is not "disabled", and of a member that is given
// twice nobody knows which one counts. So is a client without a secret that is not
// disabled.
//
// The errors tell a client's id, the name of a member, and where JSON is broken the
// character, but no other value: such a file is full of hashes, and by a slip of
// secrets.
package clientfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tenetkit/tenet/auth"
)

// Parse reads an array of clients. It fails for what the package refuses and what
// [auth.Clients] does.
func Parse(data []byte) ([]auth.Client, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("it is not JSON at %s: %w", place(data, max(syntax.Offset-1, 0)), err)
		}
		return nil, errors.New("it is not an array of clients")
	}
	m := members{data, json.NewDecoder(bytes.NewReader(data))}
	if err := m.check(false); err != nil {
		return nil, err
	}
	list := make([]auth.Client, 0, len(entries))
	for i, entry := range entries {
		c, err := parseClient(entry)
		if err == nil && len(c.Secrets) == 0 && !c.Disabled {
			err = errors.New("it has no secrets and is not disabled")
		}
		if err != nil && c.ID == "" {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if err != nil {
			return nil, fmt.Errorf("client %q: %w", c.ID, err)
		}
		list = append(list, c)
	}
	if _, err := auth.Clients(list...); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "auth: Clients: "))
	}
	return list, nil
}

// place says where an offset is in an editor.
func place(data []byte, offset int64) string {
	return fmt.Sprintf("line %d (offset %d)", 1+bytes.Count(data[:offset], []byte("\n")), offset)
}

// members walks through data that is known to be JSON.
type members struct {
	data []byte
	d    *json.Decoder
}

// check reads a value and refuses a member that an object has twice, a null, and a
// name that is none of a client's, though encoding/json may take it for one. Claims
// are free to have what they like.
func (m members) check(free bool) error {
	token, err := m.d.Token()
	if err != nil {
		return err
	}
	if token == nil && !free {
		return fmt.Errorf("null at %s", m.place())
	}
	open, _ := token.(json.Delim)
	seen := make(map[string]bool)
	for open != 0 && m.d.More() {
		inner := free
		if open == '{' {
			token, err := m.d.Token()
			if err != nil {
				return err
			}
			name, _ := token.(string)
			switch {
			case seen[name]:
				return fmt.Errorf("%s is given twice, at %s", shown(name), m.place())
			case !free && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "":
				return fmt.Errorf("%s is unknown, at %s", shown(name), m.place())
			}
			seen[name] = true
			inner = free || name == "claims"
		}
		if err := m.check(inner); err != nil {
			return err
		}
	}
	if open != 0 {
		_, err = m.d.Token() // its end
	}
	return err
}

// shown returns the name of a member as an error may have it: what does not look
// like a name may be a hash or a secret in the wrong place.
func shown(name string) string {
	if len(name) > 20 || strings.Trim(name, "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return "a member"
	}
	return fmt.Sprintf("the member %q", name)
}

func (m members) place() string { return place(m.data, m.d.InputOffset()) }

// parseClient reads one entry. With an error it returns the client's ID, if that
// could be read.
func parseClient(entry json.RawMessage) (c auth.Client, err error) {
	d := json.NewDecoder(bytes.NewReader(entry))
	d.DisallowUnknownFields()
	if err = d.Decode(&c); err == nil {
		return c, nil
	}
	var named struct{ ID string }
	_ = json.Unmarshal(entry, &named)
	c = auth.Client{ID: named.ID}
	// The texts of encoding/json and time quote values, and are left out.
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return c, fmt.Errorf("%s has the wrong type", wrong.Field)
	}
	if unknown, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return c, fmt.Errorf("%s is unknown", shown(strings.Trim(unknown, `"`)))
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return c, errors.New("not_after is not a time like 2026-12-31T23:59:59Z")
	}
	return c, errors.New("it is not a client")
}
