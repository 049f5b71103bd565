package jobs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// outcome is what a result becomes.
type outcome struct {
	members []byte // each with a comma before it
	errors  []byte // the elements of the member errors
	listed  bool   // there is such a member, and it is a list
}

// A result and the reasons for a failure have at most so many bytes: few enough for
// every database that jobs are kept in, since one that refuses them would not learn
// that the job has ended, and it would be done again.
const (
	maxResult  = 16 << 20
	maxReasons = 1 << 20
)

// outcomeOf encodes the members of a result. Those that the job has itself are
// left out.
func outcomeOf(result any) (outcome, error) {
	body, err := json.Marshal(result)
	if err != nil {
		return outcome{}, err
	}
	if len(body) > maxResult {
		return outcome{}, fmt.Errorf("it has %d bytes as JSON, and %d at most may be kept", len(body), maxResult)
	}
	return outcomeIn(body)
}

// outcomeIn takes an encoded result apart.
func outcomeIn(body []byte) (outcome, error) {
	var out outcome
	if string(body) == "null" {
		return out, nil
	}
	if body[0] != '{' {
		out.members = append([]byte(`,"result":`), body...)
		return out, nil
	}
	all, err := strictjson.Members(body)
	if err != nil {
		return outcome{}, err
	}
	for _, m := range all {
		switch string(m.Name) {
		case "id", "status", "created_at", "updated_at", "attempts":
			continue
		case "errors":
			if m.Value[0] == '[' {
				out.errors, out.listed = m.Value[1:len(m.Value)-1], true
				continue
			}
		}
		name, err := json.Marshal(string(m.Name))
		if err != nil {
			return outcome{}, err
		}
		out.members = append(out.members, ',')
		out.members = append(out.members, name...)
		out.members = append(out.members, ':')
		out.members = append(out.members, m.Value...)
	}
	return out, nil
}

// outcomeFrom reads members that [outcome.with] has made without reasons.
func outcomeFrom(members []byte) outcome {
	if len(members) == 0 {
		return outcome{}
	}
	out, err := outcomeIn(slices.Concat([]byte("{"), members[1:], []byte("}")))
	if err != nil {
		return outcome{} // not what this package has written
	}
	return out
}

func (out outcome) empty() bool { return len(out.members) == 0 && !out.listed }

// with returns the members of the job: those of the result, and errors last, with
// the reasons for which it failed before those of the result.
func (out outcome) with(reasons []byte) []byte {
	if !out.listed && len(reasons) == 0 {
		return out.members
	}
	b := slices.Concat(out.members, []byte(`,"errors":[`), reasons)
	if len(reasons) > 0 && len(out.errors) > 0 {
		b = append(b, ',')
	}
	b = append(b, out.errors...)
	return append(b, ']')
}

// reasons encodes what the caller may know of a failure, without the brackets.
func reasons(err error) []byte {
	type jobError struct {
		Field   string `json:"field,omitempty"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	e := apierror.From(err)
	list := []jobError{}
	for _, f := range e.Details.Errors {
		list = append(list, jobError{Field: f.Field, Code: f.Code, Message: f.Message})
	}
	if len(list) == 0 {
		list = append(list, jobError{Field: e.Details.Field, Code: cmp.Or(e.Details.Code, e.Code), Message: e.Message})
	}
	body, err := json.Marshal(list)
	if err != nil {
		return nil // strings always encode
	}
	if len(body) > maxReasons {
		return reasons(errors.New("the reasons are too long"))
	}
	return body[1 : len(body)-1]
}
