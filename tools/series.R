#!/usr/bin/env Rscript
# series.R - real time series out of R's packages into CSV files:  tools/series.R FOLDER [NAME ...]
#
# On Debian:  apt-get install --no-install-recommends r-base-core r-cran-tseries r-cran-forecast
#
# One file FOLDER/NAME.csv for each series, one row for each time, one column for each variable;
# the time itself is left out. Names choose; none means all.

series <- c(
    taylor = "forecast",    # half-hourly electricity demand, MW
    ice.river = "tseries",  # daily flow of two rivers, precipitation, temperature
    nino = "tseries",       # monthly sea surface temperature in two regions
    treering = "datasets",  # yearly ring widths, normalised
    sunspots = "datasets"   # monthly mean relative numbers
)

stop_with <- function(status, ...) {
    cat("series.R: ", ..., "\n", sep = "", file = stderr())
    quit(status = status)
}

words <- commandArgs(trailingOnly = TRUE)
if (length(words) < 1) stop_with(2, "usage: tools/series.R FOLDER [NAME ...]")
wanted <- if (length(words) > 1) words[-1] else names(series)
unknown <- setdiff(wanted, names(series))
if (length(unknown))
    stop_with(2, "no series '", unknown[1], "'; there are: ", toString(names(series)))
dir.create(words[1], showWarnings = FALSE, recursive = TRUE)
for (name in wanted) {
    from <- series[[name]]
    if (!nzchar(system.file(package = from)))
        stop_with(1, name, " is in the R package ", from, ": apt-get install r-cran-", from)
    here <- new.env()
    data(list = name, package = from, envir = here)
    x <- as.matrix(here[[name]])
    if (is.null(colnames(x))) colnames(x) <- name
    file <- file.path(words[1], paste0(name, ".csv"))
    rows <- data.frame(unclass(x), check.names = FALSE)
    rows[] <- lapply(rows, function(v) format(as.numeric(v), digits = 15, trim = TRUE))
    write.table(rows, file, sep = ",", quote = FALSE, row.names = FALSE)
    cat(file, ": ", nrow(x), " rows of ", toString(colnames(x)), "\n", sep = "")
}
