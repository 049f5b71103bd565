package resource

// Elements is elements.
var Elements = elements
