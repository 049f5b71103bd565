// Command echo is a server of one route on echo, with validator/v10.
package main

import (
	"log"
	"net/http"

	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v4"
)

type leadInput struct {
	Name string `json:"name" validate:"required"`
}

type structs struct{ v *validator.Validate }

func (s structs) Validate(in any) error { return s.v.Struct(in) }

func main() {
	e := echo.New()
	e.Validator = structs{validator.New()}
	e.POST("/leads", func(c echo.Context) error {
		var in leadInput
		if err := c.Bind(&in); err != nil {
			return err
		}
		if err := c.Validate(in); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err.Error())
		}
		return c.JSON(http.StatusCreated, in)
	})
	log.Fatal(e.Start("127.0.0.1:8080"))
}
