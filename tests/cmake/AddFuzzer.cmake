# SPDX-License-Identifier: MIT
# add_fuzzer: see tests/CMakeLists.txt.
find_program(PARAVANE_FUZZ_COMPILER NAMES clang++ clang++-14)
find_program(PARAVANE_CCACHE ccache)
if(PARAVANE_CCACHE)  # else nothing stands before the compiler
    set(PARAVANE_FUZZ_LAUNCHER ${PARAVANE_CCACHE})
endif()

set(fuzz_options -std=gnu++20 -g -O1 -fno-omit-frame-pointer -DPARAVANE_DEBUG
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)

function(add_fuzzer name)
    cmake_parse_arguments(arg "" "RUNS;SECONDS" "SEEDS;SOURCES;INCLUDES;DEFINITIONS;LIBS;ARGS" ${ARGN})
    if(PARAVANE_COVERAGE)
        if(arg_SEEDS)
            add_executable(${name} ${arg_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cpp)
            target_include_directories(${name} PRIVATE ${arg_INCLUDES})
            target_link_libraries(${name} PRIVATE test_options ${arg_LIBS})
            add_test(NAME fuzz.${name} COMMAND ${name} ${arg_SEEDS})
        endif()
        return()
    endif()
    if(NOT PARAVANE_FUZZ_COMPILER)
        message(WARNING "fuzzer ${name} is not built: no clang++")
        return()
    endif()
    if(NOT arg_RUNS)
        set(arg_RUNS 100000)
    endif()
    if(NOT arg_SECONDS)
        set(arg_SECONDS 20)
    endif()

    set(options ${fuzz_options} -I${CMAKE_SOURCE_DIR}/hypervisor -I${CMAKE_SOURCE_DIR})
    foreach(folder IN LISTS arg_INCLUDES)
        list(APPEND options -I${folder})
    endforeach()
    foreach(definition IN LISTS arg_DEFINITIONS)
        list(APPEND options -D${definition})
    endforeach()

    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir)
    file(MAKE_DIRECTORY ${folder})
    set(objects)
    foreach(source IN LISTS arg_SOURCES)
        get_filename_component(source ${source} ABSOLUTE)
        file(RELATIVE_PATH stem ${CMAKE_SOURCE_DIR} ${source})
        string(REPLACE "/" "_" stem ${stem})
        set(object ${folder}/${stem}.o)
        add_custom_command(OUTPUT ${object}
            COMMAND ${PARAVANE_FUZZ_LAUNCHER} ${PARAVANE_FUZZ_COMPILER} ${options} -MD -MF ${object}.d -MT ${object}
                -c ${source} -o ${object}
            DEPENDS ${source} DEPFILE ${object}.d VERBATIM
            COMMENT "Building fuzzer object ${name}: ${stem}")
        list(APPEND objects ${object})
    endforeach()
    add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}
        COMMAND ${PARAVANE_FUZZ_COMPILER} ${fuzz_options} ${objects} ${arg_LIBS} -o ${CMAKE_CURRENT_BINARY_DIR}/${name}
        DEPENDS ${objects} VERBATIM COMMENT "Linking fuzzer ${name}")
    add_custom_target(${name}_program ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${name})

    # Findings go to the build folder, new inputs too: the corpus in the tree is changed by hand only.
    if(arg_SEEDS)
        file(MAKE_DIRECTORY ${folder}/corpus)
        list(PREPEND arg_SEEDS ${folder}/corpus)
    endif()
    add_test(NAME fuzz.${name} WORKING_DIRECTORY ${folder}
        COMMAND ${CMAKE_CURRENT_BINARY_DIR}/${name} -runs=${arg_RUNS} -max_total_time=${arg_SECONDS} -print_final_stats=1
            -artifact_prefix=${folder}/ ${arg_ARGS} ${arg_SEEDS})
    math(EXPR limit "${arg_SECONDS} * 3 + 60")
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${limit})
endfunction()
