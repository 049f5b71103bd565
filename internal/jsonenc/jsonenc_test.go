package jsonenc_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/internal/jsonenc"
)

// same fails unless Append and json.Marshal make the same of v, be it an error.
func same(t *testing.T, v any) {
	t.Helper()
	want, wantErr := json.Marshal(v)
	got, err := jsonenc.Append([]byte("before"), v)
	switch {
	case (err != nil) != (wantErr != nil):
		t.Errorf("Append(%T): error = %v, want %v", v, err, wantErr)
	case err != nil:
		if reflect.TypeOf(err) != reflect.TypeOf(wantErr) {
			t.Errorf("Append(%T): error is a %T, want a %T", v, err, wantErr)
		}
	default:
		if jsonv2 {
			got = bytes.ReplaceAll(got, []byte(`\ufffd`), []byte("\ufffd"))
		}
		if diff := cmp.Diff("before"+string(want), string(got)); diff != "" {
			t.Errorf("Append(%T) mismatch (-json.Marshal +Append):\n%s", v, diff)
		}
	}
}

func TestAppendEqualsMarshal(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 22, 17, 3, 123456000, time.UTC)
	email := "a@example.com"
	circle := &tree{Name: "round"}
	circle.Parent = circle
	deep := &tree{Name: "bottom"}
	for range 500 {
		deep = &tree{Name: "level", Parent: deep}
	}
	loop := []any{1}
	loop[0] = loop
	seven := 7
	pseven := &seven

	tests := map[string]any{
		"nil":                          nil,
		"a typed nil":                  (*lead)(nil),
		"a row":                        lead{ID: "1", Name: "Ada", Email: &email, Value: 12.5, CreatedAt: now, UpdatedAt: now},
		"rows":                         []lead{{ID: "1"}, {ID: "2", Email: &email}},
		"no rows":                      []lead{},
		"nil rows":                     []lead(nil),
		"pointers":                     []*lead{nil, {ID: "1"}},
		"a pointer to a pointer":       &pseven,
		"HTML":                         "<script>&\u2028\u2029</script>",
		"control characters":           "\x00\x01\b\f\n\r\t\x1f\x7f\"\\/",
		"invalid UTF-8":                "a\xffb\xc0\xafc\xed\xa0\x80",
		"other alphabets":              "é 日本 🙂 \ufffd",
		"negative zero":                []float64{math.Copysign(0, -1), 0},
		"float64":                      []float64{1, -1, 0.1, 1e-6, 9.9e-7, 1e20, 1e21, 1.5e21, 1 << 53, 1<<53 + 2, 1 << 62, 5e-324, math.MaxFloat64, 123456789.125, 1e-9, 1e-10},
		"cents":                        []float64{0.01, -0.07, 0.29, 0.5, 1.15, 19.99, 0.1 + 0.2, 0.125, 16777216.25, 808464432, 1099511627775.99, 1099511627776.01, 4503599627370495.5},
		"float32":                      []float32{1, 0.1, 1e-6, 9.9e-7, 1e20, 1e21, 1 << 24, 1<<24 + 2, 1 << 40, math.MaxFloat32, math.SmallestNonzeroFloat32, 3.4e9},
		"not a number":                 math.NaN(),
		"infinity in a row":            lead{Value: math.Inf(-1)},
		"infinity, 32 bits":            float32(math.Inf(1)),
		"a time with a zone":           now.In(time.FixedZone("x", -3*3600-1800)),
		"a time in nanoseconds":        time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		"a year of five digits":        time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"a year before Christ":         lead{CreatedAt: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a zone of a day":              now.In(time.FixedZone("x", 24*3600)),
		"a zone with seconds":          now.In(time.FixedZone("x", 3601)),
		"the zero time":                time.Time{},
		"bytes":                        []byte("\x00\xff<>"),
		"nil bytes":                    []byte(nil),
		"empty bytes":                  []byte{},
		"marshalers without address":   marshalers{V: valueJSON{"a"}, P: pointerJSON{"b"}, T: "c", PT: pointerText{"d"}, L: []pointerJSON{{"e"}}},
		"marshalers with address":      &marshalers{V: valueJSON{"a"}, P: pointerJSON{"b"}, T: "c", PT: pointerText{"d"}, PP: &pointerJSON{"f"}, I: valueJSON{"g"}},
		"a marshaler that fails":       &marshalers{P: pointerJSON{"fail"}},
		"a bad raw message":            marshalers{Raw: json.RawMessage("{")},
		"a good raw message":           marshalers{Raw: json.RawMessage(" [1, 2] "), IP: netip.MustParseAddr("::1")},
		"a bad number":                 numbers{N: "1x"},
		"a good number":                numbers{N: "1e5", D: time.Second},
		"an embedded nil":              embedding{},
		"an embedded pointer":          embedding{Deep: &Deep{Name: "x", Other: Other{Extra: "y"}}},
		"fields that shut others out":  shadowing{Extra: "kept"},
		"a struct embedded twice":      twice{},
		"embedded with names":          named{base: &base{ID: "b"}, Number: 3, small: 4},
		"omitted":                      omitted{},
		"not omitted":                  omitted{S: "a", I: 1, F: 1, B: true, L: []int{0}, M: map[string]int{"a": 0}, P: &seven, A: 0},
		"zero":                         &zeroes{V: 2, P: 3},
		"not zero":                     zeroes{S: "a", T: now, TP: &time.Time{}, V: 1, P: 2, I: evenIsZero(1), L: []int{}},
		"names":                        names{h: "hidden"},
		"containers":                   containers{Odd: []oddByte{1, 2}, PP: &pseven, M: map[string]lead{"b": {}, "a": {}}, Any: lead{}, Anys: []any{nil, 1, "a"}},
		"a complex number":             &containers{C: 1i},
		"a func":                       unsupported{F: func() {}},
		"a nil func":                   unsupported{},
		"a channel":                    make(chan int),
		"a type that contains itself":  tree{Children: []tree{{Name: "a", Mutual: &forest{Again: &forest{}}}}},
		"a value that contains itself": circle,
		"a slice that contains itself": loop,
		"a very deep value":            deep,
	}
	for name, v := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, v)
		})
	}
}

func TestForIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	type node struct {
		Next *node `json:"next"`
		Row  *struct{ N []node }
	}
	v := node{Next: &node{Row: &struct{ N []node }{N: []node{{}}}}}
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			got, err := jsonenc.Append(nil, v)
			if err != nil || string(got) != string(want) {
				t.Errorf("Append = %s, %v; want %s", got, err, want)
			}
		})
	}
	wg.Wait()
}

// FuzzAppend fills every type of the zoo, and one that the input itself draws up,
// and holds the result against json.Marshal.
func FuzzAppend(f *testing.F) {
	for i := range zoo {
		f.Add([]byte{byte(i), 1, 2, 3, 250, 5, 6, 7, 8, 'a', '<', 0xff, 0xe2, 0x80, 0xa8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9})
	}
	f.Add([]byte(strings.Repeat("\x05zoo<&>", 40)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &source{data: data}
		typ := zoo[s.n(len(zoo))]
		if s.n(4) == 0 {
			typ = s.structType(0)
		}
		v := reflect.New(typ)
		s.fill(v.Elem(), 0)
		same(t, v.Elem().Interface())
		same(t, v.Interface())
	})
}

// source draws values from the bytes of the input; out of bytes, it draws zeros.
type source struct{ data []byte }

func (s *source) byte() (c byte) {
	if len(s.data) > 0 {
		c, s.data = s.data[0], s.data[1:]
	}
	return c
}

func (s *source) n(n int) int { return int(s.byte()) % n }

func (s *source) uint64() uint64 {
	var b [8]byte
	// Few bytes make small numbers and round ones, many make any.
	for i := range 1 + s.n(8) {
		b[i] = s.byte()
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (s *source) string() string {
	n := min(s.n(12), len(s.data))
	str := string(s.data[:n])
	s.data = s.data[n:]
	return str
}

// structType draws up a struct with names, tags and options of the input.
func (s *source) structType(depth int) reflect.Type {
	types := []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[*int](), reflect.TypeFor[float64](), reflect.TypeFor[bool](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[[]string](), reflect.TypeFor[any](), reflect.TypeFor[lead](), reflect.TypeFor[map[string]int](),
		reflect.TypeFor[valueJSON](), reflect.TypeFor[pointerText](), reflect.TypeFor[*lead](), reflect.TypeFor[evenIsZero](),
	}
	options := []string{"", "", ",omitempty", ",omitzero", ",string", ",omitempty,omitzero", ",omitempty,string", ",other"}
	fields := make([]reflect.StructField, s.n(7))
	for i := range fields {
		typ := types[s.n(len(types))]
		if depth < 2 && s.n(8) == 7 {
			typ = s.structType(depth + 1)
		}
		name := strings.Map(func(r rune) rune {
			if r == '"' || r == '\\' || r < ' ' {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s.string(), ""))
		fields[i] = reflect.StructField{
			Name: string(rune('A' + i)),
			Type: typ,
			Tag:  reflect.StructTag(`json:"` + name + options[s.n(len(options))] + `"`),
		}
	}
	return reflect.StructOf(fields)
}

func (s *source) fill(v reflect.Value, depth int) {
	if depth > 8 || !v.CanSet() {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		zone := time.FixedZone("", int(int16(s.uint64()))*4)
		at := time.Unix(int64(s.uint64()>>uint(24+s.n(20))), int64(s.uint64()%1e9))
		v.Set(reflect.ValueOf(at.In([]*time.Location{time.UTC, zone}[s.n(2)])))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(s.n(2) == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(s.uint64()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(s.uint64())
	case reflect.Float32:
		v.SetFloat(float64(math.Float32frombits(uint32(s.uint64()))))
	case reflect.Float64:
		switch s.n(3) {
		case 0:
			v.SetFloat(math.Float64frombits(s.uint64()))
		case 1:
			v.SetFloat(float64(int64(s.uint64())))
		case 2:
			v.SetFloat(float64(int32(s.uint64())) / 100)
		}
	case reflect.String:
		v.SetString(s.string())
	case reflect.Struct:
		for _, field := range v.Fields() {
			s.fill(field, depth+1)
		}
	case reflect.Pointer:
		if s.n(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			s.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if n := s.n(5); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
		}
		for i := range v.Len() {
			s.fill(v.Index(i), depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			s.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range s.n(4) {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			s.fill(key, depth+1)
			s.fill(elem, depth+1)
			v.SetMapIndex(key, elem)
		}
	case reflect.Interface:
		if v.NumMethod() == 0 {
			elem := reflect.New(zoo[s.n(len(zoo))]).Elem()
			s.fill(elem, depth+1)
			v.Set(elem)
		}
	}
}

var rows = func() []lead {
	email := "ada@example.com"
	at := time.Date(2026, 11, 23, 22, 17, 3, 123456000, time.UTC)
	rows := make([]lead, 100)
	for i := range rows {
		rows[i] = lead{
			ID: "01938f6e-7c1a-7000-8000-000000000001", Name: "Ada Lovelace", Email: &email, Value: 1250.5,
			Active: i%2 == 0, Unit: "uk", CreatedAt: at, UpdatedAt: at.Add(time.Second),
		}
	}
	return rows
}()

func TestAppendOfRowsAllocatesOnlyTheBuffer(t *testing.T) {
	b := make([]byte, 0, 1<<16)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := jsonenc.AppendSlice(b, rows); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Append of 100 rows allocates %v times, want 0", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, 1<<16)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsonenc.AppendSlice(buf, rows); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(rows); err != nil {
			b.Fatal(err)
		}
	}
}

// The ends of all months of four-digit years, and some of the days between.
func TestTimesOfTenThousandYears(t *testing.T) {
	t.Parallel()
	check := func(at time.Time) {
		text, err := at.AppendText([]byte{'"'})
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, '"')
		if got, err := jsonenc.Append(nil, at); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("Append(%v) = %s, %v; want %s", at, got, err, text)
		}
	}
	for year := range 10_000 {
		for month := time.January; month <= time.December; month++ {
			first := time.Date(year, month, 1, 0, 0, 0, year*7, time.UTC)
			check(first)
			if year > 0 || month > 1 {
				check(first.Add(-time.Nanosecond))
			}
			check(first.Add(time.Duration(year%28)*23*time.Hour + time.Duration(year)*time.Second))
		}
	}
	check(time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC))
}
