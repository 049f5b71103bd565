package validation_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/apierror/validation"
)

func Example() {
	type lead struct {
		Name  string  `json:"name" validate:"required,max=200"`
		Email string  `json:"email" validate:"omitempty,email"`
		Value float64 `json:"value" validate:"gte=0"`
	}
	validate := validation.New()

	create := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		var in lead
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return err
		}
		if err := validate.Struct(in); err != nil {
			return err
		}
		w.WriteHeader(http.StatusCreated)
		return nil
	})
	root := apierror.Recover(apierror.Options{
		Mappings: []func(error) *apierror.Error{validation.Map},
	})(create)

	w := httptest.NewRecorder()
	root.ServeHTTP(w, httptest.NewRequest("POST", "/leads", strings.NewReader(`{"email":"x","value":-1}`)))
	var body struct {
		Message string
		Details apierror.Details
	}
	fmt.Println(w.Code, json.Unmarshal(w.Body.Bytes(), &body))
	fmt.Println(body.Message)
	for _, e := range body.Details.Errors {
		fmt.Println("-", e.Field, e.Code, e.Message)
	}
	// Output:
	// 422 <nil>
	// Name is required
	// - name required Name is required
	// - email email Email must be an email address
	// - value min Value must be 0 or more
}

// A tag of one's own: registered with the validator, worded through Options.
func ExampleOptions() {
	validate := validation.New()
	_ = validate.RegisterValidation("even", func(fl validator.FieldLevel) bool { return fl.Field().Int()%2 == 0 })
	rules := validation.Options{
		Messages: map[string]string{"even": "{field} must be an even number"},
	}

	err := validate.Struct(struct {
		Seats int `json:"seats" validate:"even"`
	}{3})
	fmt.Println(rules.Errors(err)[0].Message)
	// Output:
	// Seats must be an even number
}

func ExampleErrors() {
	type item struct {
		SKU string `json:"sku" validate:"required"`
	}
	err := validation.New().Struct(struct {
		Items []item `json:"items" validate:"dive"`
	}{[]item{{"a"}, {""}}})
	for _, e := range validation.Errors(err) {
		fmt.Println(e.Field, e.Code)
	}
	// Output:
	// items[1].sku required
}
