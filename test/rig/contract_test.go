package rig

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// The contract is an OpenAPI document, and its examples are what it says.
func TestContractIsOne(t *testing.T) {
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}
