# cmake -D IN=<file> -D OUT=<file.cpp> -D NAMESPACE=<a::b> -D NAME=<name> -P embed.cmake
# A file's bytes as `const unsigned char <name>[]`, and `const unsigned long <name>_size`, of that namespace.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" size)
math(EXPR size "${size} / 2")
string(REPEAT "[0-9a-f]" 64 line)
string(REGEX REPLACE "(${line})" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "namespace ${NAMESPACE} {
extern const unsigned char ${NAME}[];
extern const unsigned long ${NAME}_size;
const unsigned char ${NAME}[] = {
${bytes}
};
const unsigned long ${NAME}_size = ${size};
}  // namespace ${NAMESPACE}
")
