package strictjson

import "time"

// ParseTime reads a time of RFC 3339. Of what package time takes beyond it (hours
// of one digit, a comma before the fraction, zones a day or more away) the versions
// of encoding/json do not think alike.
func ParseTime(text []byte) (time.Time, bool) {
	var t time.Time
	if t.UnmarshalText(text) != nil || !strictTime(text) {
		return time.Time{}, false
	}
	return t, true
}

// strictTime looks at the text of a time that package time takes, so that all its
// parts are there.
func strictTime(text []byte) bool {
	if text[len("2006-01-02T15")] != ':' || text[len("2006-01-02T15:04:05")] == ',' {
		return false
	}
	if text[len(text)-1] == 'Z' {
		return true
	}
	zone := text[len(text)-len("07:00"):]
	return string(zone[:2]) < "24" && string(zone[3:]) < "60"
}

// time refuses a string that only package time takes. What that refuses, too, is
// left to it, for its error is the cause then.
func (s *scanner) time(e edge, start int, raw []byte, escaped bool) {
	if escaped {
		raw = unescape(raw)
	}
	var t time.Time
	if t.UnmarshalText(raw) == nil && !strictTime(raw) {
		s.refuse(CodeType, start, "must be "+e.shape.want)
	}
}
