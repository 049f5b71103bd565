package strictjson

import (
	"reflect"
	"strings"
	"unicode"
)

// field is a member that a struct takes.
type field struct {
	edge
	index int // its place among the fields of the struct
}

// found is a field on the way to being chosen among those with one name.
type found struct {
	name   string
	typ    reflect.Type
	depth  int
	tagged bool
	quoted bool
}

// fields returns the members that encoding/json decodes into the struct t. The
// fields of embedded structs count as its own; of several with one name the
// shallowest wins, of those at one depth the one with a tag, and if that leaves
// more than one, none.
func (b builder) fields(t reflect.Type) map[string]field {
	byName := map[string][]found{}
	visited := map[reflect.Type]bool{}
	level := map[reflect.Type]int{t: 1} // struct -> how often it is embedded at this depth
	for depth := 0; len(level) > 0; depth++ {
		next := map[reflect.Type]int{}
		for structType, times := range level {
			if visited[structType] {
				continue
			}
			visited[structType] = true
			for sf := range structType.Fields() {
				f, inner, ok := readField(sf)
				switch {
				case !ok:
				case inner != nil:
					next[inner]++
				default:
					f.depth = depth
					// Embedded twice, its fields hide each other.
					for range min(times, 2) {
						byName[f.name] = append(byName[f.name], f)
					}
				}
			}
		}
		level = next
	}
	fields := make(map[string]field, len(byName))
	for name, candidates := range byName {
		if f, ok := dominant(candidates); ok {
			e := b.edge(f.typ, false)
			e.quoted = f.quoted
			fields[name] = field{e, len(fields)}
		}
	}
	return fields
}

// readField reads the tag of sf. It returns either a member or the type of an
// embedded struct whose fields count as those of the outer one.
func readField(sf reflect.StructField) (f found, inner reflect.Type, ok bool) {
	t := sf.Type
	pointer := t.Name() == "" && t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	// encoding/json cannot fill an embedded pointer to an unexported struct.
	if !sf.IsExported() && (!sf.Anonymous || pointer || t.Kind() != reflect.Struct) {
		return found{}, nil, false
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return found{}, nil, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if !ValidName(name) {
		name = ""
	}
	if name == "" && sf.Anonymous && t.Kind() == reflect.Struct {
		return found{}, t, true
	}
	f = found{name: name, typ: sf.Type, tagged: name != ""}
	if name == "" {
		f.name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		f.quoted = f.quoted || option == "string" && quotable(t.Kind())
	}
	return f, nil, true
}

// ValidName mirrors which names in a tag encoding/json honours.
func ValidName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

func quotable(k reflect.Kind) bool {
	return k == reflect.String || k >= reflect.Bool && k <= reflect.Float64
}

func dominant(candidates []found) (found, bool) {
	var best found
	rivals := 0
	for _, f := range candidates {
		switch {
		case rivals == 0 || f.depth < best.depth || f.depth == best.depth && f.tagged && !best.tagged:
			best, rivals = f, 1
		case f.depth == best.depth && f.tagged == best.tagged:
			rivals++
		}
	}
	return best, rivals == 1
}
