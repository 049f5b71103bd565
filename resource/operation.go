package resource

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// importHead is the first line of an import's input. What follows is the array as
// it came.
type importHead struct {
	Unit string `json:"unit"`
	At   int64  `json:"at"`   // nanoseconds since 1970
	Seed []byte `json:"seed"` // of the ids
}

// idStep is the distance between the ids of two rows that follow each other, in
// nanoseconds: more than what an id tells apart.
const idStep = 250

func (head importHead) id(index int) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(head.Seed, uint64(index)))
	return newID(head.At+int64(index)*idStep, [8]byte(sum[:8]))
}

// ImportOperation returns what [Resource.Import] does as the two funcs of an
// operation of package resource/jobs, whose jobs are tried again and can survive a
// restart:
//
//	accept, work, err := leads.ImportOperation()
//	imports, err := runner.Operation(jobs.Operation{Name: "leads.import", Accept: accept, Run: work})
//	mux.Handle("POST /leads/import", imports)
//
// The input that accept returns holds the active unit, what the ids are made of,
// and the body of the request. The func work gets it back together with the
// subject of the request, asks [Options.Restore] what that may do now, and again
// from time to time, and adds the rows. Run anew, after an error or the end of the
// process, it gives every row the same id: rows that are in already stay as they
// are, and are counted as succeeded. An attempt that fails counts for itself alone:
// rows that one before it has added may be in. A hook around Create may see a row
// twice.
//
// The context of the store is that of the job, with nothing of the request: a store
// that takes the scope from there, for row level security, needs one around it
// whose Create and Get put their scope into the context.
//
// It fails if the store creates no rows, and if Restore is missing, unless the
// resource is [Options.Unscoped].
func (res *Resource[Row, Input]) ImportOperation() (accept func(*http.Request) ([]byte, error), work func(ctx context.Context, subject string, input []byte) (any, error), err error) {
	switch {
	case res.insert == nil:
		err = errors.New("the store creates no rows")
	case res.opts.Restore == nil && !res.opts.Unscoped:
		err = errors.New("Options.Restore or Options.Unscoped is required")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("resource: ImportOperation: %s: %w", res.path, err)
	}
	return res.importInput, res.runImport, nil
}

func (res *Resource[Row, Input]) importInput(r *http.Request) ([]byte, error) {
	scope, body, _, err := res.acceptImport(r)
	if err != nil {
		return nil, err
	}
	head := importHead{Unit: scope.Active(), At: time.Now().UnixNano(), Seed: make([]byte, 16)}
	_, _ = rand.Read(head.Seed) // never fails
	line, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	input := make([]byte, 0, len(line)+1+len(body))
	return append(append(append(input, line...), '\n'), body...), nil
}

func (res *Resource[Row, Input]) runImport(ctx context.Context, subject string, input []byte) (any, error) {
	line, body, ok := bytes.Cut(input, []byte("\n"))
	var head importHead
	if err := json.Unmarshal(line, &head); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("resource: %s: this is not the input of an import", res.path), err)
	}
	total, err := res.countRows(body)
	if err != nil {
		return nil, err // the bounds have changed meanwhile
	}
	run := importing[Row, Input]{Resource: res, unit: head.Unit, idOf: head.id}
	if res.opts.Unscoped {
		run.scope = everything{}
	} else {
		run.ask = func(ctx context.Context) (Scope, error) { return res.opts.Restore(ctx, subject, head.Unit) }
	}
	return run.rows(ctx, body, total)
}
