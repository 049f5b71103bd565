package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// create decodes the members of a new row. No field of the server is taken.
func (d *declaration) create(ctx context.Context, members []strictjson.Member, input reflect.Value) error {
	return d.fill(ctx, members, input, reflect.Value{})
}

// replace decodes the members that stand for all of current: what is absent
// becomes null or zero.
func (d *declaration) replace(ctx context.Context, members []strictjson.Member, input, current reflect.Value) error {
	return d.fill(ctx, members, input, current)
}

func (d *declaration) fill(ctx context.Context, members []strictjson.Member, input, current reflect.Value) error {
	var fails failures
	var seen uint64 // enough for most inputs; wide ones ask the list
	for i := range members {
		m := d.members[string(members[i].Name)]
		if m.input < 0 {
			d.repeat(m.owned, members[i].Value, current, &fails)
			continue
		}
		if m.input < 64 {
			seen |= 1 << m.input
		}
		if err := d.set(input, m.input, members[i].Value, &fails); err != nil {
			return err
		}
	}
	for i := range d.inputs {
		f := &d.inputs[i]
		if !f.required {
			continue
		}
		present := i < 64 && seen&(1<<i) != 0 ||
			i >= 64 && slices.ContainsFunc(members, func(m strictjson.Member) bool { return string(m.Name) == f.Name })
		if !present {
			d.absent(i, f.Name, &fails)
		}
	}
	return d.validate(ctx, input, fails)
}

// merge fills input with what a merge patch (RFC 7396) makes of current.
func (d *declaration) merge(ctx context.Context, members []strictjson.Member, input, current reflect.Value) error {
	d.toInput(current, input)
	var fails failures
	for i := range members {
		m := d.members[string(members[i].Name)]
		if m.input < 0 {
			d.repeat(m.owned, members[i].Value, current, &fails)
			continue
		}
		value := members[i].Value
		f := &d.inputs[m.input]
		if f.Kind == rowtype.JSON && value[0] == '{' {
			before := len(fails)
			if err := checkNulls(f.Type, value, f.Name, m.input, &fails); err != nil {
				return err
			}
			if len(fails) > before {
				continue
			}
			old, err := json.Marshal(current.FieldByIndex(f.row).Interface())
			if err != nil {
				return err
			}
			if value, err = mergeJSON(old, value); err != nil {
				return err
			}
		}
		if err := d.set(input, m.input, value, &fails); err != nil {
			return err
		}
	}
	return d.validate(ctx, input, fails)
}

// repeat adds a failure unless value repeats what the row has: a row that was
// read can be sent back.
func (d *declaration) repeat(f *rowtype.Field, value []byte, current reflect.Value, fails *failures) {
	if current.IsValid() && repeats(f, value, current) {
		return
	}
	order := len(d.inputs)
	for i := range d.rowFields {
		if &d.rowFields[i] == f {
			order += i
		}
	}
	fails.add(order, f.Name, "read_only", d.label(f.Name)+" is set by the server")
}

func repeats(f *rowtype.Field, value []byte, current reflect.Value) bool {
	sent := reflect.New(f.Type)
	if strictjson.Unmarshal(value, sent.Interface()) != nil {
		return false
	}
	have := current.FieldByIndex(f.Index)
	if f.Kind == rowtype.Time {
		// One instant may be written in several ways.
		a, b := sent.Elem(), have
		if f.Nullable {
			if a.IsNil() || b.IsNil() {
				return a.IsNil() && b.IsNil()
			}
			a, b = a.Elem(), b.Elem()
		}
		return a.Interface().(time.Time).Equal(b.Interface().(time.Time))
	}
	a, errA := json.Marshal(sent.Interface())
	b, errB := json.Marshal(have.Interface())
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// validate adds what the rules say to what decoding has found, and returns the
// 422, if any. Rules on a field that has failed already are not reported: its
// value is not what was sent.
func (d *declaration) validate(ctx context.Context, input reflect.Value, fails failures) error {
	if err := d.rules.StructCtx(ctx, input.Addr().Interface()); err != nil {
		broken := d.words.Errors(err)
		if broken == nil {
			return err
		}
		found := fails
		fails = slices.Grow(fails, len(broken))
		for _, fe := range broken {
			if order := d.orderOf(fe.Field); !found.has(order) {
				fails = append(fails, failure{fe, order})
			}
		}
	}
	if len(fails) == 0 {
		if own, ok := input.Addr().Interface().(ownRules); ok {
			return own.Validate(ctx)
		}
		return nil
	}
	slices.SortStableFunc(fails, func(a, b failure) int { return a.order - b.order })
	all := make([]apierror.FieldError, len(fails))
	for i := range fails {
		all[i] = fails[i].FieldError
	}
	return apierror.ValidationFailed(all...)
}

// orderOf returns the place of the field that a path begins with.
func (d *declaration) orderOf(path string) int {
	name := path
	if i := strings.IndexAny(path, ".["); i >= 0 {
		name = path[:i]
	}
	if m, ok := d.members[name]; ok && m.input >= 0 {
		return m.input
	}
	return -1
}

// toRow copies the input into the row, toInput the other way.
func (d *declaration) toRow(input, row reflect.Value) {
	for i := range d.inputs {
		row.FieldByIndex(d.inputs[i].row).Set(input.FieldByIndex(d.inputs[i].Index))
	}
}

func (d *declaration) toInput(row, input reflect.Value) {
	for i := range d.inputs {
		input.FieldByIndex(d.inputs[i].Index).Set(row.FieldByIndex(d.inputs[i].row))
	}
}
