// Package validation turns the failures of go-playground/validator into the 422
// of apierror:
//
//	{"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[
//	  {"field":"name","code":"required","message":"Name is required"},
//	  {"field":"items[2].sku","code":"max","message":"SKU must have at most 20 characters","param":"20"}]}}
//
// Make the validator with [New], so that fields go by their JSON names, and give
// [Map] to apierror once; handlers then return the validator's errors as they are:
//
//	validate := validation.New()
//	root := apierror.Recover(apierror.Options{Mappings: []func(error) *apierror.Error{validation.Map}})(mux)
//
// # Codes
//
// The code is the validator's tag, with the variants of one rule brought together,
// so that clients have a small vocabulary to know:
//
//	required     required and required_if, required_with and so on
//	excluded     excluded_if and so on, isdefault
//	min, max     min, gte, gtefield; max, lte, ltefield: of the value, or of the length of texts and lists
//	above, below gt, gtfield; lt, ltfield
//	length       len
//	equal        eq, eqfield and so on; not_equal for ne, nefield and so on
//	one_of       oneof, oneofci; not_one_of for noneof, noneofci
//	unique       unique
//	date         datetime
//	email, url, uri, uuid, ip, cidr, and any other tag by its name, in snake case
//	invalid      several tags joined by |
//
// Tags and messages of your own go into [Options].
package validation

import (
	"errors"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// maxErrors bounds how many failures one answer lists. A list of a million empty
// elements would otherwise be answered by a hundred times its size.
const maxErrors = 100

// New returns a validator that calls fields by their JSON names, counts the fields
// of embedded structs as those of the outer one, as [encoding/json] does, and
// honours required on structs. Register tags of your own before the first use; from
// then on it is safe for concurrent use.
func New() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled(), validator.WithTagNameFuncBlankOmit())
	v.RegisterTagNameFunc(jsonName)
	return v
}

// jsonName returns the name that sf has in JSON; none if JSON knows it by no name.
func jsonName(sf reflect.StructField) string {
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return ""
	}
	name, _, _ := strings.Cut(tag, ",")
	if name != "" {
		return name
	}
	if t := sf.Type; sf.Anonymous && (t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct) {
		return ""
	}
	return sf.Name
}

// Errors returns what in err's tree the validator found, in its order; nil if err
// is none of its errors. More than 100 failures are cut off.
func Errors(err error) []apierror.FieldError { return Options{}.Errors(err) }

// Map returns the 422 for the failures in err, or nil if there are none. It is made
// for the Mappings of [apierror.Options].
func Map(err error) *apierror.Error { return Options{}.Map(err) }

// Options adjusts codes and messages. The zero value is what [Errors] and [Map] use.
type Options struct {
	// Codes gives the code for a tag, also for a tag of your own, whose code
	// is otherwise its name.
	Codes map[string]string

	// Messages gives the message for a tag, in which {field} stands for the
	// label of the field and {param} for the parameter of the tag:
	//
	//	"iban": "{field} must be an IBAN"
	//
	// By default a message is made up in English; that of an unknown tag is
	// "Account is invalid".
	Messages map[string]string

	// Label returns the words by which a message calls the field at a JSON
	// path. By default these are made of the last name in it: "Created at" for
	// lead.created_at.
	Label func(path string) string

	// Struct is a value of the type that is validated, or a pointer to one. With
	// it the message of a rule that compares with another field (gtfield=From)
	// calls that by its name in JSON, without it by its name in Go.
	Struct any
}

// Errors is [Errors] with the codes and messages of o.
func (o Options) Errors(err error) []apierror.FieldError {
	found, ok := errors.AsType[validator.ValidationErrors](err)
	if !ok || len(found) == 0 {
		return nil
	}
	failures := make([]apierror.FieldError, min(len(found), maxErrors))
	for i := range failures {
		failures[i] = o.failure(found[i])
	}
	return failures
}

// Map is [Map] with the codes and messages of o.
func (o Options) Map(err error) *apierror.Error {
	failures := o.Errors(err)
	if failures == nil {
		return nil
	}
	return apierror.ValidationFailed(failures...).Wrap(err)
}

func (o Options) failure(fe validator.FieldError) apierror.FieldError {
	path := jsonPath(fe.Namespace(), fe.StructNamespace())
	var label string
	if o.Label != nil {
		label = o.Label(path)
	} else {
		label = strictjson.Label(path)
	}
	code, ok := o.Codes[fe.Tag()]
	if !ok {
		code = codeOf(fe.Tag())
	}
	text, ok := o.Messages[fe.Tag()]
	if ok {
		text = strings.NewReplacer("{field}", label, "{param}", fe.Param()).Replace(text)
	} else {
		other := ""
		if strings.HasSuffix(fe.Tag(), "field") {
			if other = o.other(fe); o.Label != nil {
				other = o.Label(other)
			} else {
				other = lowerFirst(strictjson.Label(other))
			}
		}
		text = label + " " + predicate(fe, other)
	}
	return apierror.FieldError{Field: path, Code: code, Message: text, Param: paramOf(fe)}
}
