//go:build !goexperiment.jsonv2

package jsonenc_test

const jsonv2 = false
