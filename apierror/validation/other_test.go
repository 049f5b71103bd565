package validation_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror/validation"
)

type span struct {
	From  int `json:"start"`
	Until int `json:"end" validate:"gtfield=From"`
}

type plan struct {
	span
	Most   int             `json:"most"`
	Trip   *span           `json:"trip"`
	Trips  []span          `json:"trips" validate:"dive"`
	ByName map[string]span `json:"by_name" validate:"dive"`
	Day    time.Time       `json:"day"`
	Due    *time.Time      `json:"due" validate:"omitempty,gtfield=Day"`
	Small  struct {
		Count int `json:"count" validate:"ltecsfield=Most"`
	} `json:"small"`
}

// A message names the other field as clients know it.
func TestRulesThatCompareFields(t *testing.T) {
	t.Parallel()
	backwards := span{From: 2, Until: 1}
	v := plan{span: backwards, Trip: &backwards, Trips: []span{{1, 2}, backwards}, ByName: map[string]span{"a": backwards}}
	v.Small.Count = 1
	v.Day, v.Due = time.Unix(1, 0), new(time.Unix(0, 0))
	err := validation.New().Struct(v)
	tests := map[string]struct {
		opts validation.Options
		want map[string]string
	}{
		"of a known type": {validation.Options{Struct: plan{}}, map[string]string{
			"end":           "End must be above that of start",
			"trip.end":      "End must be above that of start",
			"trips[1].end":  "End must be above that of start",
			"by_name.a.end": "End must be above that of start",
			"small.count":   "Count must not be above that of most",
			"due":           "Due must be after that of day",
		}},
		"of a pointer to it, in other words": {
			validation.Options{Struct: &plan{}, Label: func(path string) string { return "<" + path + ">" }}, map[string]string{
				"end":           "<end> must be above that of <start>",
				"trip.end":      "<trip.end> must be above that of <start>",
				"trips[1].end":  "<trips[1].end> must be above that of <start>",
				"by_name.a.end": "<by_name.a.end> must be above that of <start>",
				"small.count":   "<small.count> must not be above that of <most>",
				"due":           "<due> must be after that of <day>",
			},
		},
		"of another type": {validation.Options{Struct: 7}, map[string]string{
			"end":           "End must be above that of from",
			"trip.end":      "End must be above that of from",
			"trips[1].end":  "End must be above that of from",
			"by_name.a.end": "End must be above that of from",
			"small.count":   "Count must not be above that of most",
			"due":           "Due must be after that of day",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			for _, f := range tt.opts.Errors(err) {
				got[f.Field] = f.Message
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Errors mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
