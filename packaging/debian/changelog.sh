#!/bin/sh
# The Debian changelog of a version to standard output: Debian's form, which names CHANGELOG.md for what has changed. Its date is
# SOURCE_DATE_EPOCH, so that two builds of one commit are alike.
#
# example: packaging/debian/changelog.sh 0.1.0 'The Varve authors <maintainers@varve.invalid>'
set -eu
version=${1:?a version}
maintainer=${2:?a maintainer}
date=$(LC_ALL=C date --utc --rfc-email --date="@${SOURCE_DATE_EPOCH:-$(date +%s)}")
cat <<END
varve ($version) unstable; urgency=medium

  * This version; what has changed is told in CHANGELOG.md, beside this file.

 -- $maintainer  $date
END
