package sqlerr

import "reflect"

// structOf returns the struct of an error that is one, or points to one. Reflection
// reads exported fields only, and only of errors that are about to be answered.
func structOf(err error) (reflect.Value, bool) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return v, v.Kind() == reflect.Struct
}

// stringField returns the first of the fields that is there and not empty.
func stringField(err error, names ...string) string {
	v, ok := structOf(err)
	if !ok {
		return ""
	}
	for _, name := range names {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.String && f.Len() > 0 {
			return f.String()
		}
	}
	return ""
}

// mysqlFields knows go-sql-driver's MySQLError, which has no method to ask: by the
// name of the type and its fields Number and Message.
func mysqlFields(err error) (number uint64, message string, ok bool) {
	v, ok := structOf(err)
	if !ok || v.Type().Name() != "MySQLError" {
		return 0, "", false
	}
	f := v.FieldByName("Number")
	if !f.IsValid() || !f.CanUint() {
		return 0, "", false
	}
	return f.Uint(), stringField(err, "Message"), true
}

// mattnCode knows mattn/go-sqlite3's Error by its fields Code and ExtendedCode.
func mattnCode(err error) (int, bool) {
	v, ok := structOf(err)
	if !ok || v.Type().Name() != "Error" {
		return 0, false
	}
	code, extended := v.FieldByName("Code"), v.FieldByName("ExtendedCode")
	if !code.IsValid() || !extended.IsValid() || !code.CanInt() || !extended.CanInt() || extended.Int()&0xff != code.Int() {
		return 0, false
	}
	return int(extended.Int()), true
}

// identifier returns name if it is one that needs no quotes, and else "". What
// might be a value must not be taken for a name.
func identifier(name string) string {
	if len(name) > 63 {
		return ""
	}
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return ""
		}
	}
	return name
}
