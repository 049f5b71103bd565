package resource

// Elements is elements.
var Elements = elements

// SplitList is splitList.
var SplitList = splitList
