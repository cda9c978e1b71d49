// The skin would load a sorting library (38 kB) on every page, for lists whose rows are dragged
// into an order. No list here has one (`ordering_field`); Alpine passes over what it does not know.
