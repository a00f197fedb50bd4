# What scripts need that speak S3, in a virtual environment of the build folder. Sourced by them.

# The same ones on every machine, so that a failure is not theirs.
PACKAGES=("moto[server]==5.2.5" "boto3==1.44.8")

# Prints the interpreter that has the packages. Bash does not stop at a failure in here, where its output is taken.
s3_python() {
    local environment="${CARGO_TARGET_DIR:-target}/s3-server"
    if [ "$(cat "$environment/packages" 2>/dev/null)" != "${PACKAGES[*]}" ]; then
        rm -rf "$environment" &&
            python3 -m venv "$environment" &&
            "$environment/bin/pip" install --quiet --disable-pip-version-check "${PACKAGES[@]}" >&2 &&
            echo "${PACKAGES[*]}" >"$environment/packages" || return 1
    fi
    echo "$environment/bin/python"
}
