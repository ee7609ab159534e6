# From a help text of `varve` to a manual page. Help texts have one form: usage lines, paragraphs, options with two blanks
# between them and what they do, indented lines that stand as they are, "exit codes:" and "example:".
#
# Variables: name ("varve station"), summary, version, date.

function escape(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/) text = "\\&" text
    return text
}

function section(title) {
    if (current == title) return
    literal_end()
    current = title
    print ".SH " title
    fresh = 1
}

function literal_begin() {
    if (literal) return
    print fresh ? ".nf" : ".PP\n.nf"
    literal = 1
    fresh = 0
}

function literal_end() {
    if (!literal) return
    print ".fi"
    literal = 0
}

function paragraph(text) {
    if (text != "") {
        literal_end()
        if (!fresh && !in_paragraph) print ".PP"
        print escape(text)
        fresh = 0
        in_paragraph = 1
    }
}

# Where what an option does begins: behind the first two blanks that follow its name, else where it began for the one before.
function text_column(line,    rest, lead) {
    lead = match(line, /[^ ]/)
    rest = substr(line, lead)
    if (match(rest, /  +/)) return lead + RSTART + RLENGTH - 1
    if (column > 0 && substr(line, column - 1, 1) == " " && substr(line, column, 1) != " ") return column
    return 0
}

function option(line,    at, tag) {
    literal_end()
    section("OPTIONS")
    at = text_column(line)
    tag = at > 0 ? substr(line, 1, at - 1) : line
    gsub(/^ +| +$/, "", tag)
    print ".TP"
    print ".B " escape(tag)
    if (at > 0) column = at
    print (at > 0 ? escape(substr(line, at)) : "\\&")
    in_option = 1
    fresh = 0
}

BEGIN {
    gsub(/ /, "-", name)
    printf ".TH %s 1 \"%s\" \"Varve %s\" \"Varve\"\n", toupper(name), date, version
    section("NAME")
    print escape(name) " \\- " escape(summary)
    section("SYNOPSIS")
}

# The usage lines end with the first line that is none.
!usage_done && (/^usage: / || /^       +/) {
    literal_begin()
    print escape(substr($0, 8))
    next
}
!usage_done {
    literal_end()
    usage_done = 1
    section("DESCRIPTION")
}

/^$/ {
    literal_end()
    in_paragraph = in_option = 0
    next
}
/^example: / {
    section("EXAMPLE")
    text = substr($0, 10)
    if (text ~ /^varve /) {
        literal_begin()
        print escape(text)
    } else {
        paragraph(toupper(substr(text, 1, 1)) substr(text, 2) ":")
    }
    in_example = 1
    in_paragraph = 0
    next
}
in_example {
    literal_begin()
    print escape(substr($0, 3))
    next
}
/^exit codes: / { next }
/^ +-/ && !/^ +- / {
    option($0)
    next
}
/^ / && in_option && match($0, /[^ ]/) >= column - 2 {
    print escape(substr($0, RSTART))
    next
}
/^ / {
    in_paragraph = in_option = 0
    literal_begin()
    print escape(substr($0, 3))
    next
}
{
    in_option = 0
    paragraph($0)
}

END {
    literal_end()
    section("EXIT STATUS")
    print "0: done. 1: it failed, and says why. 2: the command line is wrong."
    section("SEE ALSO")
    print ".BR varve (1)"
}
