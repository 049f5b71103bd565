package validation

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxKey bounds how much of a map's key, which the client chose, comes back.
const maxKey = 64

// jsonPath makes a JSON path of the validator's namespace: Order.items[2].sku to
// items[2].sku. The namespace begins with the name of the outermost type, unless
// that has none; then the first step is a field, which usually is called differently
// in the namespace of Go names.
func jsonPath(namespace, goNamespace string) string {
	root, rest, _ := cutRoot(namespace)
	if goRoot, _, found := cutRoot(goNamespace); found && root == goRoot {
		namespace = rest
	}
	if !strings.Contains(namespace, "[") {
		return namespace
	}
	var b strings.Builder
	for namespace != "" {
		name, after, ok := strings.Cut(namespace, "[")
		if !ok {
			b.WriteString(namespace)
			break
		}
		b.WriteString(name)
		end := closing(after)
		writeKey(&b, after[:end])
		namespace = after[min(end+1, len(after)):]
	}
	return sanitize(b.String())
}

// maxPath bounds a path that a key in it has made look like more than one step.
const maxPath = 256

// sanitize takes out of a path what a key that looks like the end of a key, and
// more names after it, has brought in.
func sanitize(path string) string {
	if len(path) > maxPath {
		path = path[:maxPath] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, strings.ToValidUTF8(path, ""))
}

// cutRoot splits off the first step of a namespace. The name of a generic type has
// brackets, and dots within them.
func cutRoot(namespace string) (root, rest string, found bool) {
	depth := 0
	for i := range len(namespace) {
		switch namespace[i] {
		case '[':
			depth++
		case ']':
			depth--
		case '.':
			if depth == 0 {
				return namespace[:i], namespace[i+1:], true
			}
		}
	}
	return namespace, "", false
}

// closing returns the place of the bracket that ends a key: the first with nothing
// but a new step after it.
func closing(s string) int {
	for i := range len(s) {
		if s[i] == ']' && (i+1 == len(s) || s[i+1] == '.' || s[i+1] == '[') {
			return i
		}
	}
	return len(s)
}

// writeKey writes an index as it is, and a map's key like the name of a member.
func writeKey(b *strings.Builder, key string) {
	if len(key) > maxKey {
		end := maxKey
		for end > 0 && !utf8.RuneStart(key[end]) {
			end--
		}
		key = key[:end] + "…"
	}
	switch {
	case strings.Trim(key, "0123456789") == "" && key != "":
		b.WriteString("[" + key + "]")
	case key == "" || !utf8.ValidString(key) || strings.ContainsFunc(key, special):
		b.WriteString("[" + strconv.Quote(key) + "]")
	default:
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(key)
	}
}

func special(r rune) bool {
	return r == '.' || r == '[' || r == ']' || r == '"' || !unicode.IsPrint(r)
}
