package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/internal/strictjson"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	tests := map[string]struct {
		data   string
		code   string // "" if the data is fine
		field  string
		offset int
	}{
		"null":                              {data: "null"},
		"true":                              {data: "true"},
		"a string with every escape":        {data: `"\"\\\/\b\f\n\r\té😀"`},
		"text beyond ASCII":                 {data: `{"größe":"😀"}`},
		"space around everything":           {data: " \t\r\n{ \"a\" : [ 1 , { } , [ ] ] } \n"},
		"numbers":                           {data: `[0,-0,1.5,-1.5e10,1E-7,1e308,12345678901234567890]`},
		"a name again in another object":    {data: `{"a":{"a":1},"b":[{"a":1},{"a":2}]}`},
		"a hundred levels":                  {data: deep},
		"nothing":                           {data: "", code: "json"},
		"only space":                        {data: "  ", code: "json", offset: 2},
		"a byte order mark":                 {data: "\ufeff{}", code: "json"},
		"two values":                        {data: "{} {}", code: "json", offset: 3},
		"a comma after the value":           {data: "1,", code: "json", offset: 1},
		"a comma before the brace":          {data: `{"a":1,}`, code: "json", offset: 7},
		"a comma before the bracket":        {data: `{"a":[1,]}`, code: "json", field: "a[1]", offset: 8},
		"no colon":                          {data: `{"a" 1}`, code: "json", field: "a", offset: 5},
		"no value":                          {data: `{"a":}`, code: "json", field: "a", offset: 5},
		"an open object":                    {data: `{"a":1`, code: "json", offset: 6},
		"an open array":                     {data: `{"a":[1`, code: "json", field: "a", offset: 7},
		"an open string":                    {data: `{"a":"b`, code: "json", field: "a", offset: 7},
		"an open escape":                    {data: `"\`, code: "json", offset: 2},
		"an open unicode escape":            {data: `"\u12"`, code: "json", offset: 1},
		"an unknown escape":                 {data: `["\x"]`, code: "json", field: "[0]", offset: 2},
		"a raw newline in a string":         {data: "\"a\nb\"", code: "json", offset: 2},
		"a leading zero":                    {data: "01", code: "json", offset: 1},
		"a leading plus":                    {data: "+1", code: "json"},
		"a bare minus":                      {data: "-", code: "json", offset: 1},
		"a bare point":                      {data: "[1.]", code: "json", field: "[0]", offset: 3},
		"a bare exponent":                   {data: "[1e]", code: "json", field: "[0]", offset: 3},
		"not a number":                      {data: "NaN", code: "json"},
		"half a literal":                    {data: "tru", code: "json", offset: 3},
		"a longer literal":                  {data: "nulll", code: "json", offset: 4},
		"single quotes":                     {data: "{'a':1}", code: "json", offset: 1},
		"a comment":                         {data: "{}// fine", code: "json", offset: 2},
		"a NUL":                             {data: "{}\x00", code: "json", offset: 2},
		"a name that is no string":          {data: `{"a":{1:2}}`, code: "json", field: "a", offset: 6},
		"a stray byte":                      {data: "{\"a\":\"\xff\"}", code: "utf8", field: "a", offset: 6},
		"a stray byte in a name":            {data: "{\"a\":{\"\xff\":1}}", code: "utf8", field: "a", offset: 7},
		"an overlong encoding":              {data: "\"\xc0\x80\"", code: "utf8", offset: 1},
		"an encoded surrogate":              {data: "\"\xed\xa0\x80\"", code: "utf8", offset: 1},
		"a high surrogate alone":            {data: `"\ud800"`, code: "utf8", offset: 1},
		"a high surrogate before text":      {data: `"\ud800 x"`, code: "utf8", offset: 1},
		"a high surrogate before an escape": {data: `"\ud800\n\n\n"`, code: "utf8", offset: 1},
		"two high surrogates":               {data: `"\ud800\ud800"`, code: "utf8", offset: 1},
		"a low surrogate alone":             {data: `"a\udc00"`, code: "utf8", offset: 2},
		"a surrogate in a name":             {data: `{"\udc00":1}`, code: "utf8", offset: 2},
		"a name twice":                      {data: `{"a":1,"b":2,"a":3}`, code: "duplicate", field: "a", offset: 13},
		"a name twice by an escape":         {data: `{"a":1,"\u0061":3}`, code: "duplicate", field: "a", offset: 7},
		"a name twice further in":           {data: `[{"x":{"a":1,"a":1}}]`, code: "duplicate", field: "[0].x.a", offset: 13},
		"an empty name twice":               {data: `{"":1,"":1}`, code: "duplicate", field: `[""]`, offset: 6},
		"the same name as a surrogate pair": {data: `{"😀":1,"\ud83d\ude00":1}`, code: "duplicate", field: "😀", offset: 10},
		"a name with a dot twice":           {data: `{"a.b":1,"a.b":1}`, code: "duplicate", field: `["a.b"]`, offset: 9},
		"a hundred and one levels":          {data: "[" + deep + "]", code: "depth", offset: 100},
		"a million levels":                  {data: strings.Repeat("[", 1e6), code: "depth", offset: 100},
		"a million levels of objects":       {data: strings.Repeat(`{"a":`, 1e6), code: "depth", offset: 500},
		"a number beyond float64":           {data: `{"a":[1e309]}`, code: "type", field: "a[0]", offset: 6},
		"a number with a huge exponent":     {data: `1e1000000000`, code: "type"},
		"a number with too many digits":     {data: strings.Repeat("1", 401), code: "type"},
		"the graver fault wins":             {data: `{"a":1e309,}`, code: "json", offset: 11},
		"the ninth name twice":              {data: `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"i":2}`, code: "duplicate", field: "i", offset: 55},
		"the first name again as the eleventh": {
			data: `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":2,"a":1}`,
			code: "duplicate", field: "a", offset: 61,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := strictjson.Check([]byte(tt.data))
			if tt.code == "" {
				if err != nil {
					t.Fatalf("Check(%.80q) = %v, want nil", tt.data, err)
				}
				return
			}
			e, ok := errors.AsType[*strictjson.Error](err)
			if !ok {
				t.Fatalf("Check(%.80q) = %v, want an *Error with code %q", tt.data, err, tt.code)
			}
			got := []any{e.Code, e.Field, e.Offset}
			if diff := cmp.Diff([]any{tt.code, tt.field, tt.offset}, got); diff != "" {
				t.Errorf("Check(%.80q) mismatch (-want +got):\n%s\n%s", tt.data, diff, e.Message)
			}
		})
	}
}

type address struct {
	Street string `json:"street"`
	Zip    *int   `json:"zip,omitempty"`
}

type item struct {
	SKU   string            `json:"sku"`
	Count int8              `json:"count"`
	Tags  map[string]string `json:"tags"`
}

type base struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created_at"`
}

type inner struct{ Depth int }

type order struct {
	base
	*inner
	Name    string            `json:"name"`
	Email   *string           `json:"email"`
	Active  bool              `json:"active"`
	Value   float64           `json:"value"`
	Small   float32           `json:"small"`
	Count   uint8             `json:"count"`
	Big     int64             `json:"big"`
	Address *address          `json:"address"`
	Items   []item            `json:"items"`
	ByCode  map[int]item      `json:"by_code"`
	Raw     json.RawMessage   `json:"raw"`
	Any     any               `json:"any"`
	Pair    [2]int            `json:"pair"`
	Data    []byte            `json:"data"`
	Quoted  int               `json:"quoted,string"`
	Text    string            `json:"text,string"`
	Flag    *bool             `json:"flag,string"`
	Number  json.Number       `json:"number"`
	IP      netip.Addr        `json:"ip"`
	Due     *time.Time        `json:"due"`
	Total   *big.Int          `json:"total"`
	Labels  map[string]string `json:"labels,omitempty"`
	Next    *order            `json:"next"`
	Hidden  string            `json:"-"`
	//lint:ignore SA5008 a name that encoding/json takes
	Dash  string `json:"-,"`
	Plain string
	//lint:ignore U1000 a name that encoding/json does not take
	private string
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		data    string
		code    string // "" if the data is fine
		field   string
		message string // checked if not empty
	}{
		"nothing at all":                              {data: `{}`},
		"embedded fields":                             {data: `{"id":"7","created_at":"2026-01-02T15:04:05Z"}`},
		"null where Go holds it":                      {data: `{"email":null,"address":null,"items":null,"by_code":null,"raw":null,"any":null,"data":null,"flag":null,"due":null,"next":null}`},
		"everything":                                  {data: `{"name":"A","email":"a@b.c","active":true,"value":1e3,"small":1.5,"count":255,"big":-9223372036854775808,"address":{"street":"S","zip":1},"items":[{"sku":"x","count":-128,"tags":{"A":"b","a":"c"}}],"by_code":{"1":{"sku":"y"},"-2":{}},"raw":{"Anything":[1]},"any":{"b":[null]},"pair":[1,2],"data":"AAE=","quoted":"12","text":"\"q\"","flag":"true","number":1.50,"ip":"::1","total":123456789012345678901234567890,"labels":{"":"x"},"next":{"next":{"name":"deep"}},"-":"d","Plain":"p"}`},
		"null into a string":                          {data: `{"name":null}`, code: "null", field: "name", message: "Name must not be null"},
		"null into a time":                            {data: `{"created_at":null}`, code: "null", field: "created_at", message: "Created at must not be null"},
		"null into a text type":                       {data: `{"ip":null}`, code: "null", field: "ip", message: "IP must not be null"},
		"null into an element":                        {data: `{"items":[null]}`, code: "null", field: "items[0]", message: "Items[0] must not be null"},
		"null for the whole":                          {data: `null`, code: "null", message: "Request body must not be null"},
		"null into a quoted number":                   {data: `{"quoted":null}`, code: "null", field: "quoted"},
		"null within quotes":                          {data: `{"quoted":"null"}`, code: "type", field: "quoted"},
		"an array for the whole":                      {data: `[]`, code: "type", message: "Request body must be an object"},
		"an unknown name":                             {data: `{"zzz":1}`, code: "unknown", field: "zzz", message: "Unknown field zzz"},
		"a near name":                                 {data: `{"nmae":1}`, code: "unknown", field: "nmae", message: "Unknown field nmae, did you mean name?"},
		"a name in another case":                      {data: `{"Name":"x"}`, code: "unknown", field: "Name", message: "Unknown field Name, did you mean name?"},
		"a name that folds by Unicode":                {data: `{"rawſ":1}`, code: "unknown", field: "rawſ"},
		"an unknown name further in":                  {data: `{"items":[{},{"skuu":1}]}`, code: "unknown", field: "items[1].skuu"},
		"an unknown name in a map's value":            {data: `{"by_code":{"1":{"x":1}}}`, code: "unknown", field: "by_code.1.x"},
		"a hidden field":                              {data: `{"Hidden":"x"}`, code: "unknown", field: "Hidden"},
		"a private field":                             {data: `{"private":"x"}`, code: "unknown", field: "private"},
		"an embedded pointer to an unexported struct": {data: `{"Depth":1}`, code: "unknown", field: "Depth"},
		"the embedded struct itself":                  {data: `{"base":{}}`, code: "unknown", field: "base"},
		"a long unknown name":                         {data: `{"` + strings.Repeat("ä", 40) + `":1}`, code: "unknown", field: strings.Repeat("ä", 32) + "…"},
		"a known name twice":                          {data: `{"name":"a","name":"b"}`, code: "duplicate", field: "name", message: "Name is given more than once"},
		"a known name twice by an escape":             {data: `{"name":"a","n\u0061me":"b"}`, code: "duplicate", field: "name"},
		"a name twice in raw JSON":                    {data: `{"raw":{"a":1,"a":2}}`, code: "duplicate", field: "raw.a"},
		"a name twice in a map":                       {data: `{"labels":{"a":"1","a":"2"}}`, code: "duplicate", field: "labels.a"},
		"an integer key in two spellings":             {data: `{"by_code":{"1":{},"01":{}}}`, code: "type", field: "by_code.01"},
		"a key that is no integer":                    {data: `{"by_code":{"x":{}}}`, code: "type", field: "by_code.x"},
		"a number into a string":                      {data: `{"name":7}`, code: "type", field: "name", message: "Name must be a string"},
		"a string into a number":                      {data: `{"value":"7"}`, code: "type", field: "value", message: "Value must be a number"},
		"a string into a bool":                        {data: `{"active":"true"}`, code: "type", field: "active", message: "Active must be true or false"},
		"a fraction into an integer":                  {data: `{"big":1.5}`, code: "type", field: "big", message: "Big must be an integer"},
		"an exponent into an integer":                 {data: `{"big":1e2}`, code: "type", field: "big"},
		"an integer beyond int64":                     {data: `{"big":9223372036854775808}`, code: "type", field: "big", message: "Big is a number out of range"},
		"an integer beyond int8":                      {data: `{"items":[{"count":128}]}`, code: "type", field: "items[0].count", message: "Count must be an integer from -128 to 127"},
		"a negative into an unsigned":                 {data: `{"count":-1}`, code: "type", field: "count", message: "Count must be an integer from 0 to 255"},
		"a number beyond float64":                     {data: `{"value":1e400}`, code: "type", field: "value", message: "Value is a number out of range"},
		"a number beyond float32":                     {data: `{"small":1e39}`, code: "type", field: "small"},
		"a number beyond float32 without exponent":    {data: `{"small":` + strings.Repeat("9", 39) + `}`, code: "type", field: "small"},
		"a huge number into raw JSON":                 {data: `{"raw":1e999999}`, code: "type", field: "raw"},
		"a huge number into a big integer":            {data: `{"total":` + strings.Repeat("9", 500) + `}`, code: "type", field: "total"},
		"an object into an array":                     {data: `{"items":{}}`, code: "type", field: "items", message: "Items must be an array"},
		"an array into an object":                     {data: `{"address":[]}`, code: "type", field: "address", message: "Address must be an object"},
		"an array of bytes into base64":               {data: `{"data":[1]}`, code: "type", field: "data"},
		"bad base64":                                  {data: `{"data":"?"}`, code: "type", field: "data", message: "Data must be a string in base64"},
		"a short array":                               {data: `{"pair":[1]}`, code: "type", field: "pair", message: "Pair must have 2 elements"},
		"a long array":                                {data: `{"pair":[1,2,3]}`, code: "type", field: "pair"},
		"a bare number where quotes are due":          {data: `{"quoted":1}`, code: "type", field: "quoted", message: "Quoted must be an integer in quotes"},
		"space within quotes":                         {data: `{"quoted":" 1"}`, code: "type", field: "quoted"},
		"a bare text where two quotes are due":        {data: `{"text":"q"}`, code: "type", field: "text"},
		"a lone surrogate within quotes":              {data: `{"text":"\"\\ud800\""}`, code: "type", field: "text"},
		"a string into a json.Number":                 {data: `{"number":"1"}`, code: "type", field: "number"},
		"a bad time":                                  {data: `{"next":{"created_at":"yesterday"}}`, code: "type", field: "next.created_at", message: "Created at must be a date and time such as 2026-01-02T15:04:05Z"},
		"a time with a short hour":                    {data: `{"created_at":"2026-01-02T3:04:05Z"}`, code: "type", field: "created_at", message: "Created at must be a date and time such as 2026-01-02T15:04:05Z"},
		"a time with a comma":                         {data: `{"created_at":"2026-01-02T03:04:05,5Z"}`, code: "type", field: "created_at"},
		"a time a day off":                            {data: `{"due":"2026-01-02T03:04:05+24:00"}`, code: "type", field: "due"},
		"a time 60 minutes off":                       {data: `{"due":"2026-01-02T03:04:05-00:60"}`, code: "type", field: "due"},
		"a bad time behind a pointer":                 {data: `{"due":"2026-13-01T00:00:00Z"}`, code: "type", field: "due"},
		"a bad text type":                             {data: `{"ip":"localhost"}`, code: "type", field: "ip"},
		"a type that refuses by itself":               {data: `{"total":"x"}`, code: "type", field: "total"},
		"the graver fault wins over a type":           {data: `{"name":7,"value":}`, code: "json", field: "value"},
		"an unknown name wins over a type":            {data: `{"name":7,"x":1}`, code: "unknown", field: "x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got order
			err := strictjson.Unmarshal([]byte(tt.data), &got)
			if tt.code == "" {
				if err != nil {
					t.Fatalf("Unmarshal(%s) = %v, want nil", tt.data, err)
				}
				var want order
				if err := json.Unmarshal([]byte(tt.data), &want); err != nil {
					t.Fatal(err)
				}
				if fmt.Sprintf("%+v", want.base) != fmt.Sprintf("%+v", got.base) || mustMarshal(t, want) != mustMarshal(t, got) {
					t.Errorf("Unmarshal(%s) = %+v, want %+v", tt.data, got, want)
				}
				return
			}
			e, ok := errors.AsType[*strictjson.Error](err)
			if !ok {
				t.Fatalf("Unmarshal(%s) = %v, want an *Error with code %q", tt.data, err, tt.code)
			}
			if diff := cmp.Diff([]string{tt.code, tt.field}, []string{e.Code, e.Field}); diff != "" {
				t.Errorf("Unmarshal(%s) mismatch (-want +got):\n%s\n%s", tt.data, diff, e.Message)
			}
			if tt.message != "" && tt.message != e.Message {
				t.Errorf("Unmarshal(%s) says %q, want %q", tt.data, e.Message, tt.message)
			}
		})
	}
}

func mustMarshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestUnmarshalIntoNoPointerIsNotTheDatasFault(t *testing.T) {
	t.Parallel()
	for _, v := range []any{nil, order{}, (*order)(nil)} {
		err := strictjson.Unmarshal([]byte(`{}`), v)
		if _, ok := errors.AsType[*strictjson.Error](err); ok || err == nil {
			t.Errorf("Unmarshal({}, %T) = %v, want an error that is no *Error", v, err)
		}
	}
}

func TestUnmarshalKeepsTheCauseOfATypesOwnRefusal(t *testing.T) {
	t.Parallel()
	var v struct {
		At time.Time `json:"at"`
	}
	err := strictjson.Unmarshal([]byte(`{"at":"never"}`), &v)
	if _, ok := errors.AsType[*time.ParseError](err); !ok {
		t.Errorf("Unmarshal = %v, want an error that wraps *time.ParseError", err)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	got, err := strictjson.Members([]byte(` {"b" : [1, {"x":2}] , "\u0061":null,"":"s"} `))
	if err != nil {
		t.Fatal(err)
	}
	want := []strictjson.Member{{[]byte("b"), []byte(`[1, {"x":2}]`)}, {[]byte("a"), []byte("null")}, {[]byte{}, []byte(`"s"`)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Members mismatch (-want +got):\n%s", diff)
	}
	for data, code := range map[string]string{
		`[]`: "type", `null`: "null", `1`: "type", ``: "json", `{"a":1,"a":1}`: "duplicate", `{"a":1}x`: "json", `{"a":{"b":1,"b":1}}`: "duplicate",
	} {
		members, err := strictjson.Members([]byte(data))
		if e, ok := errors.AsType[*strictjson.Error](err); !ok || e.Code != code || members != nil {
			t.Errorf("Members(%s) = %v, %v, want code %q", data, members, err, code)
		}
	}
	if got, err := strictjson.Members([]byte(`{}`)); len(got) != 0 || err != nil {
		t.Errorf("Members({}) = %v, %v, want none", got, err)
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                     "Request body",
		"name":                 "Name",
		"created_at":           "Created at",
		"lead.createdAt":       "Created at",
		"owner_id":             "Owner ID",
		"ownerId":              "Owner ID",
		"id":                   "ID",
		"items[2].sku":         "SKU",
		"tags[2]":              "Tags[2]",
		"[3]":                  "Element [3]",
		"[0].name":             "Name",
		"first-name":           "First name",
		`["a.b"]`:              `Element ["a.b"]`,
		"größe":                "Größe",
		"élan":                 "Élan",
		`a["b.c"]`:             `A["b.c"]`,
		`lead.labels["a.b c"]`: `Labels["a.b c"]`,
	} {
		if got := strictjson.Label(path); got != want {
			t.Errorf("Label(%q) = %q, want %q", path, got, want)
		}
	}
}
