# The host program `antler`.
find_package(CLI11 REQUIRED)
add_link_options(-fuse-ld=lld)
find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(LibArchive REQUIRED)
find_library(FDT_LIBRARY fdt REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)

file(GLOB_RECURSE cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.cpp ${CMAKE_SOURCE_DIR}/abi/*.cpp)
if(cli_sources)
    add_executable(antler ${cli_sources})
    target_link_libraries(antler PRIVATE CLI11::CLI11 tomlplusplus::tomlplusplus nlohmann_json::nlohmann_json
        fmt::fmt LibArchive::LibArchive ${FDT_LIBRARY} ${ZSTD_LIBRARY})
endif()

# QEMU loads them, with whatever libraries it has itself: so they need none.
foreach(plugin IN ITEMS instructions executed)
    add_library(${plugin} MODULE ${CMAKE_SOURCE_DIR}/bench/plugin/${plugin}.cpp)
    set_target_properties(${plugin} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden)
    target_compile_options(${plugin} PRIVATE -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -O2)
    target_link_options(${plugin} PRIVATE -nostdlib)
endforeach()
