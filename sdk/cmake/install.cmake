# What `cmake --install` puts into the prefix for authors of plugins.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/cellmesh)
set(CELLMESH_INSTALL_PROTO_DIR ${CMAKE_INSTALL_DATADIR}/cellmesh/proto)
set(CELLMESH_INSTALL_TESTKIT_DIR ${CMAKE_INSTALL_DATADIR}/cellmesh/testkit)
string(REGEX MATCH "^[0-9]+[.][0-9]+" protobuf_series "${Protobuf_VERSION}")

install(TARGETS cellmesh_abi cellmesh_sdk EXPORT cellmeshTargets FILE_SET HEADERS)
install(TARGETS protoc-gen-cellmesh EXPORT cellmeshTargets RUNTIME)
install(EXPORT cellmeshTargets NAMESPACE cellmesh:: DESTINATION ${package})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/cellmeshConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CELLMESH_INSTALL_PROTO_DIR CELLMESH_INSTALL_TESTKIT_DIR)
# The package's version is that of the ABI that plugins are built for: what find_package(cellmesh 1.1) asks for.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/sdk/include/cellmesh/abi/version.h)
file(STRINGS ${PROJECT_SOURCE_DIR}/sdk/include/cellmesh/abi/version.h abi REGEX "^#define CM_ABI_(MAJOR|MINOR) [0-9]+$")
string(REGEX REPLACE "[^0-9;]" "" abi "${abi}")
list(JOIN abi "." CELLMESH_ABI_VERSION)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfigVersion.cmake
  VERSION ${CELLMESH_ABI_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/CellmeshCodegen.cmake ${CMAKE_CURRENT_LIST_DIR}/CellmeshPlugin.cmake
  ${CMAKE_CURRENT_LIST_DIR}/CellmeshPluginTest.cmake ${CMAKE_CURRENT_LIST_DIR}/CellmeshTestkit.cmake
  DESTINATION ${package})
set(runtime ${CMAKE_CURRENT_LIST_DIR}/plugin)
install(FILES ${runtime}/exports.map ${runtime}/libcxx.cpp ${runtime}/unload.c
  DESTINATION ${package}/plugin)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/testkit/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/testkit/ DESTINATION ${CELLMESH_INSTALL_TESTKIT_DIR}
  FILES_MATCHING PATTERN *.cpp PATTERN *.hpp PATTERN sources.cmake PATTERN include EXCLUDE)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/template DESTINATION ${CMAKE_INSTALL_DATADIR}/cellmesh)

# What a plugin may send or handle; not what stays between hosts (mesh, rehearsal).
foreach(file agent client data echo echo_c game hub login robot social cellmesh/options cellmesh/manifest)
  get_filename_component(folder ${file} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/proto/${file}.proto DESTINATION ${CELLMESH_INSTALL_PROTO_DIR}/${folder})
endforeach()

# Documents, in the folders that their links expect, and the licence.
set(documents ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${documents})
install(FILES ${PROJECT_SOURCE_DIR}/sdk/README.md DESTINATION ${documents}/sdk)
