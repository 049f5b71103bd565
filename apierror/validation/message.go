package validation

import (
	"reflect"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
)

// codes brings the tags of one rule together under one code.
var codes = map[string]string{
	"required_if": "required", "required_unless": "required", "required_with": "required", "required_with_all": "required",
	"required_without": "required", "required_without_all": "required",
	"excluded_if": "excluded", "excluded_unless": "excluded", "excluded_with": "excluded", "excluded_with_all": "excluded",
	"excluded_without": "excluded", "excluded_without_all": "excluded", "isdefault": "excluded",
	"gte": "min", "gtefield": "min", "gtecsfield": "min",
	"lte": "max", "ltefield": "max", "ltecsfield": "max",
	"gt": "above", "gtfield": "above", "gtcsfield": "above",
	"lt": "below", "ltfield": "below", "ltcsfield": "below",
	"len": "length",
	"eq":  "equal", "eq_ignore_case": "equal", "eqfield": "equal", "eqcsfield": "equal",
	"ne": "not_equal", "ne_ignore_case": "not_equal", "nefield": "not_equal", "necsfield": "not_equal",
	"oneof": "one_of", "oneofci": "one_of", "noneof": "not_one_of", "noneofci": "not_one_of",
	"datetime": "date",
	"http_url": "url", "https_url": "url",
	"uuid3": "uuid", "uuid4": "uuid", "uuid5": "uuid", "uuid7": "uuid",
	"uuid_rfc4122": "uuid", "uuid3_rfc4122": "uuid", "uuid4_rfc4122": "uuid", "uuid5_rfc4122": "uuid",
	"ipv4": "ip", "ipv6": "ip", "ip_addr": "ip", "ip4_addr": "ip", "ip6_addr": "ip",
	"cidrv4": "cidr", "cidrv6": "cidr",
	"startswith": "starts_with", "endswith": "ends_with", "startsnotwith": "starts_not_with", "endsnotwith": "ends_not_with",
}

func codeOf(tag string) string {
	if code, ok := codes[tag]; ok {
		return code
	}
	if strings.Contains(tag, "|") {
		return "invalid"
	}
	return snake(tag)
}

// snake writes a tag that somebody has named as they liked (isCool, is-cool).
func snake(tag string) string {
	sound := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' }
	if !strings.ContainsFunc(tag, func(r rune) bool { return !sound(r) }) {
		return tag
	}
	var b strings.Builder
	lower := false
	for _, r := range tag {
		switch {
		case r >= 'A' && r <= 'Z':
			if lower {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
		case sound(r):
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
		lower = r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
	}
	return b.String()
}

// fixed holds the rest of the sentence for tags that need neither the parameter
// nor the kind of the value.
var fixed = map[string]string{
	"required":         "is required",
	"excluded":         "must be left out",
	"unique":           "must not hold the same value twice",
	"email":            "must be an email address",
	"url":              "must be a URL",
	"uri":              "must be a URI",
	"uuid":             "must be a UUID",
	"ulid":             "must be a ULID",
	"ip":               "must be an IP address",
	"cidr":             "must be a network in CIDR form",
	"mac":              "must be a MAC address",
	"hostname":         "must be a host name",
	"hostname_rfc1123": "must be a host name",
	"fqdn":             "must be a full domain name",
	"e164":             "must be a phone number such as +14155552671",
	"alpha":            "must have letters from a to z only",
	"alphanum":         "must have letters from a to z and digits only",
	"alphaunicode":     "must have letters only",
	"alphanumunicode":  "must have letters and digits only",
	"ascii":            "must have ASCII characters only",
	"numeric":          "must be a number",
	"number":           "must have digits only",
	"boolean":          "must be true or false",
	"lowercase":        "must be in lower case",
	"uppercase":        "must be in upper case",
	"json":             "must be JSON",
	"jwt":              "must be a JWT",
	"base64":           "must be in base64",
	"base64url":        "must be in base64url",
	"hexadecimal":      "must be hexadecimal",
	"latitude":         "must be a latitude",
	"longitude":        "must be a longitude",
	"timezone":         "must be a time zone such as Europe/Paris",
	"iso4217":          "must be a currency code such as EUR",
	"iso3166_1_alpha2": "must be a country code such as FR",
	"iso3166_1_alpha3": "must be a country code such as FRA",
	"country_code":     "must be a country code such as FR",
	"credit_card":      "must be a card number",
	"isbn":             "must be an ISBN",
	"bic":              "must be a BIC",
	"semver":           "must be a version such as 1.2.3",
	"cron":             "must be a cron expression",
	"duration":         "must be a duration such as 1h30m",
	"iscolor":          "must be a color",
	"hexcolor":         "must be a color such as #ff0000",
}

// paramOf returns the parameter of the failed tag for clients. Tags about other
// fields name them as Go does, which is none of a client's business.
func paramOf(fe validator.FieldError) string {
	tag := fe.Tag()
	if strings.HasSuffix(tag, "field") || strings.Contains(tag, "|") {
		return ""
	}
	switch codeOf(tag) {
	case "required", "excluded", "date": // the layout of a date is Go's
		return ""
	case "one_of", "not_one_of":
		return strings.Join(choices(fe.Param()), ", ")
	}
	return fe.Param()
}

// predicate returns what follows the label in a message. The other is the field that
// the rule compares with, if it does.
func predicate(fe validator.FieldError, other string) string {
	tag, param := fe.Tag(), fe.Param()
	code := codeOf(tag)
	if text, ok := fixed[code]; ok {
		return text
	}
	if other != "" {
		param = "that of " + other
	}
	switch code {
	case "min", "max", "above", "below", "length":
		return compare(code, param, fe)
	case "equal":
		return "must be equal to " + param
	case "not_equal":
		return "must not be equal to " + param
	case "one_of":
		return "must be one of " + strings.Join(choices(param), ", ")
	case "not_one_of":
		return "must not be one of " + strings.Join(choices(param), ", ")
	case "date":
		return dateForm(param)
	case "contains":
		return "must contain " + param
	case "excludes":
		return "must not contain " + param
	case "starts_with":
		return "must start with " + param
	case "ends_with":
		return "must end with " + param
	}
	return "is invalid"
}

// compare words the rules that mean the size of a number, but the length of a text
// or of a list.
func compare(code, param string, fe validator.FieldError) string {
	unit := ""
	switch fe.Kind() {
	case reflect.String:
		unit = " characters"
		if param == "1" {
			unit = " character"
		}
	case reflect.Slice, reflect.Array, reflect.Map:
		unit = " elements"
		if param == "1" {
			unit = " element"
		}
	}
	switch {
	case strings.HasSuffix(fe.Tag(), "field"):
		words := map[string]string{"min": "not be below ", "max": "not be above ", "above": "be above ", "below": "be below "}
		if fe.Type() == reflect.TypeFor[time.Time]() {
			words = map[string]string{"min": "not be before ", "max": "not be after ", "above": "be after ", "below": "be before "}
		}
		return "must " + words[code] + param
	case unit != "":
		words := map[string]string{"min": "at least ", "max": "at most ", "above": "more than ", "below": "fewer than "}
		return "must have " + words[code] + param + unit
	case fe.Type() == reflect.TypeFor[time.Time]() && param == "":
		words := map[string]string{"min": "not be in the past", "max": "not be in the future", "above": "be in the future", "below": "be in the past"}
		return "must " + words[code]
	}
	switch code {
	case "min":
		return "must be " + param + " or more"
	case "max":
		return "must be " + param + " or less"
	case "above":
		return "must be more than " + param
	case "below":
		return "must be less than " + param
	}
	return "must be " + param
}

// choices splits the parameter of oneof, in which quotes hold several words together.
func choices(param string) []string {
	var list []string
	for param = strings.TrimLeft(param, " "); param != ""; param = strings.TrimLeft(param, " ") {
		var word string
		if rest, ok := strings.CutPrefix(param, "'"); ok {
			word, param, _ = strings.Cut(rest, "'")
		} else {
			word, param, _ = strings.Cut(param, " ")
		}
		list = append(list, word)
	}
	return list
}

func dateForm(layout string) string {
	switch layout {
	case time.DateOnly:
		return "must be a date such as 2026-01-31"
	case time.TimeOnly:
		return "must be a time such as 15:04:05"
	}
	example := time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC).Format(layout)
	if strings.ContainsAny(layout, "3") || strings.Contains(layout, "15") {
		return "must be a date and time such as " + example
	}
	return "must be a date such as " + example
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
