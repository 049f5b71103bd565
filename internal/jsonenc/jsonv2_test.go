//go:build goexperiment.jsonv2

package jsonenc_test

// With encoding/json on top of its second version a replaced byte comes out as
// U+FFFD itself instead of its escape, which means the same.
const jsonv2 = true
