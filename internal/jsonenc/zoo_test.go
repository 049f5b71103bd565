package jsonenc_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"time"
)

// The types below are what the differential tests fill: every rule of
// encoding/json that a type can meet has one.

type lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     *string   `json:"email,omitempty"`
	Value     float64   `json:"value"`
	Active    bool      `json:"active"`
	Unit      string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type numbers struct {
	I   int
	I8  int8
	I16 int16
	I32 int32
	I64 int64
	U   uint
	U8  uint8
	U16 uint16
	U32 uint32
	U64 uint64
	P   uintptr
	F32 float32
	F64 float64
	N   json.Number
	D   time.Duration
}

type omitted struct {
	S  string         `json:",omitempty"`
	I  int            `json:"i,omitempty"`
	F  float64        `json:"f,omitempty"`
	B  bool           `json:"b,omitempty"`
	L  []int          `json:"l,omitempty"`
	M  map[string]int `json:"m,omitempty"`
	P  *int           `json:"p,omitempty"`
	A  any            `json:"a,omitempty"`
	R  [2]int         `json:"r,omitempty"`
	R0 [0]int         `json:"r0,omitempty"`
	C  chan int       `json:"c,omitempty"`
	Fn func()         `json:"fn,omitzero"`
}

type zeroes struct {
	S   string          `json:"s,omitzero"`
	T   time.Time       `json:"t,omitzero"`
	TP  *time.Time      `json:"tp,omitzero"`
	V   evenIsZero      `json:"v,omitzero"`
	P   oddIsZero       `json:"p,omitzero"`
	PP  *oddIsZero      `json:"pp,omitzero"`
	I   zeroer          `json:"i,omitzero"`
	L   []int           `json:"l,omitzero"`
	St  struct{ X int } `json:"st,omitzero"`
	Big big.Int         `json:"big,omitzero"`
}

type zeroer interface{ IsZero() bool }

type evenIsZero int

func (e evenIsZero) IsZero() bool { return e%2 == 0 }

type oddIsZero int

func (o *oddIsZero) IsZero() bool { return *o%2 != 0 }

// Tags that vet and staticcheck would not let stand in the source.
var quoted = structOf(
	tagged[int](`i,string`), tagged[string](`s,string`), tagged[*bool](`b,string`), tagged[[]int](`l,string`),
	tagged[float64](`,string,omitempty`),
)

var oddNames = structOf(
	tagged[string](`-`), tagged[string](`-,`), tagged[string](`quo\"te`), tagged[string](`back\\slash`), tagged[string](`,`),
	tagged[string](`,unknown`), tagged[struct{ X int }](`t,omitempty`), tagged[string](`'a'`),
)

func tagged[T any](tag string) reflect.StructField {
	return reflect.StructField{Type: reflect.TypeFor[T](), Tag: reflect.StructTag(`json:"` + tag + `"`)}
}

func structOf(fields ...reflect.StructField) reflect.Type {
	for i := range fields {
		fields[i].Name = string(rune('A' + i))
	}
	return reflect.StructOf(fields)
}

type names struct {
	A string `json:"-"`
	C string `json:"<c>&"`
	D string `json:"with space"`
	F string `json:"é"`
	h string
	K string `xml:"k"`
}

type base struct {
	ID      string    `json:"base_id"`
	Created time.Time `json:"created"`
	Shared  int
}

type Other struct {
	ID     int
	Shared int
	Extra  string
}

type Deep struct {
	Other
	Name string `json:"name"`
}

type embedding struct {
	base
	*Deep
	Extra string `json:"extra"`
}

type shadowing struct {
	base
	Other // Shared of both shut each other out
	Extra string
}

type twice struct {
	Left
	Right
}

type (
	Left  struct{ Other }
	Right struct{ Other }
)

type named struct {
	Other  `json:"other"`
	*base  `json:"base,omitempty"`
	Number // no struct
	small  // unexported, no struct
}

type (
	Number int
	small  int
)

type marshalers struct {
	V   valueJSON
	P   pointerJSON
	PV  *valueJSON
	PP  *pointerJSON
	T   valueText
	PT  pointerText
	PPT *pointerText
	L   []pointerJSON
	A   [2]pointerText
	IP  netip.Addr
	Raw json.RawMessage
	I   json.Marshaler
}

type valueJSON struct{ X string }

func (v valueJSON) MarshalJSON() ([]byte, error) { return json.Marshal([]string{"v<", v.X}) }

type pointerJSON struct{ X string }

func (p *pointerJSON) MarshalJSON() ([]byte, error) {
	if p.X == "fail" {
		return nil, errors.New("no such thing")
	}
	return []byte(` { "p" : "<` + "\u2028" + `" } `), nil
}

type valueText string

func (v valueText) MarshalText() ([]byte, error) { return []byte("t:" + string(v)), nil }

type pointerText struct{ X string }

func (p *pointerText) MarshalText() ([]byte, error) { return []byte("p:" + p.X), nil }

type embeddedTime struct {
	time.Time
	X int
}

type ownTime time.Time

type containers struct {
	Bytes  []byte
	Named  namedBytes
	Odd    []oddByte
	Arr    [3]byte
	Strs   []string
	Nested [][]float32
	Ptrs   []*lead
	PP     **int
	M      map[string]lead
	MI     map[int]string
	MT     map[netip.Addr]int
	Any    any
	Anys   []any
	Times  []time.Time
	TP     *time.Time
	Own    ownTime
	Emb    embeddedTime
	Empty  struct{}
	C      complex128
}

type namedBytes []byte

type oddByte byte

func (o oddByte) MarshalText() ([]byte, error) { return []byte{'#', '0' + byte(o)%10}, nil }

type tree struct {
	Name     string           `json:"name"`
	Children []tree           `json:"children,omitempty"`
	Parent   *tree            `json:"parent,omitempty"`
	Mutual   *forest          `json:"mutual,omitempty"`
	ByName   map[string]*tree `json:"by_name,omitempty"`
}

type forest struct {
	Trees []tree
	Again *forest `json:",omitempty"`
}

type unsupported struct {
	Name string
	F    func()
}

type generic[T any] struct {
	Data []T `json:"data"`
	Next *T  `json:"next"`
}

var zoo = []reflect.Type{
	reflect.TypeFor[lead](), reflect.TypeFor[[]lead](), reflect.TypeFor[*lead](), reflect.TypeFor[numbers](),
	reflect.TypeFor[omitted](), reflect.TypeFor[zeroes](), quoted, oddNames, reflect.TypeFor[names](),
	reflect.TypeFor[embedding](), reflect.TypeFor[shadowing](), reflect.TypeFor[twice](), reflect.TypeFor[named](),
	reflect.TypeFor[marshalers](), reflect.TypeFor[*marshalers](), reflect.TypeFor[[]marshalers](),
	reflect.TypeFor[containers](), reflect.TypeFor[*containers](), reflect.TypeFor[tree](), reflect.TypeFor[forest](),
	reflect.TypeFor[unsupported](), reflect.TypeFor[generic[lead]](), reflect.TypeFor[generic[any]](),
	reflect.TypeFor[string](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[time.Time](),
	reflect.TypeFor[*time.Time](), reflect.TypeFor[[]byte](), reflect.TypeFor[map[string]any](), reflect.TypeFor[[]any](),
	reflect.TypeFor[chan int](), reflect.TypeFor[[2]*lead](), reflect.TypeFor[json.Number](), reflect.TypeFor[struct{}](),
}
