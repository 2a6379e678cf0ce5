"""Who may do what: rules, grants, requests for access, and the admission of images to restoration."""
