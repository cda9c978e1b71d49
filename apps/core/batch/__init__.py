"""Several API calls in one request, each carried out as if it had come alone.

`shapes`   what a batch looks like          `targets`  which calls may be in one
`inner`    one call through all of Django   `runner`   order, threads, deadline
"""
