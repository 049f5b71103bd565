// Command gin is a server of one route on gin, which brings validator/v10.
package main

import (
	"log"
	"net/http"

	"github.com/gin-gonic/gin"
)

type leadInput struct {
	Name string `json:"name" binding:"required"`
}

func main() {
	engine := gin.Default()
	engine.POST("/leads", func(c *gin.Context) {
		var in leadInput
		if err := c.ShouldBindJSON(&in); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusCreated, in)
	})
	log.Fatal(engine.Run("127.0.0.1:8080"))
}
