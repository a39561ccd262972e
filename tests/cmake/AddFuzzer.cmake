# SPDX-License-Identifier: MIT
# add_fuzzer, add_fuzzed_library: see tests/CMakeLists.txt.
find_program(PARAVANE_FUZZ_COMPILER NAMES clang++ clang++-14)
find_program(PARAVANE_CCACHE ccache)
if(PARAVANE_CCACHE)  # else nothing stands before the compiler
    set(PARAVANE_FUZZ_LAUNCHER ${PARAVANE_CCACHE})
endif()

# A fuzzer looks at operands of comparisons, addresses too: only at fixed ones does it go the same way each time.
execute_process(COMMAND setarch -R true RESULT_VARIABLE refused OUTPUT_QUIET ERROR_QUIET)
if(NOT refused)
    set(fixed_addresses setarch -R)
endif()

set(fuzz_options -std=gnu++20 -g -O1 -fno-omit-frame-pointer -DPARAVANE_DEBUG
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)

# Compiles sources for fuzzers, into one folder of objects that `result` lists.
function(compile_for_fuzzers result folder)
    cmake_parse_arguments(arg "" "" "SOURCES;INCLUDES;DEFINITIONS" ${ARGN})
    set(options ${fuzz_options} -I${CMAKE_SOURCE_DIR}/hypervisor -I${CMAKE_SOURCE_DIR})
    foreach(include IN LISTS arg_INCLUDES)
        list(APPEND options -I${include})
    endforeach()
    foreach(definition IN LISTS arg_DEFINITIONS)
        list(APPEND options -D${definition})
    endforeach()
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
            COMMENT "Building fuzzer object ${stem}")
        list(APPEND objects ${object})
    endforeach()
    set(${result} ${objects} PARENT_SCOPE)
endfunction()

function(add_fuzzed_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;INCLUDES" ${ARGN})
    set(objects)
    if(PARAVANE_FUZZ_COMPILER AND NOT PARAVANE_COVERAGE)
        compile_for_fuzzers(objects ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir SOURCES ${arg_SOURCES} INCLUDES ${arg_INCLUDES})
    endif()
    add_custom_target(${name} DEPENDS ${objects})
    set_target_properties(${name} PROPERTIES FUZZED_SOURCES "${arg_SOURCES}" FUZZED_OBJECTS "${objects}")
endfunction()

function(add_fuzzer name)
    cmake_parse_arguments(arg "" "RUNS;SECONDS" "SEEDS;SOURCES;FUZZED;INCLUDES;DEFINITIONS;LIBS;ARGS" ${ARGN})
    set(shared_sources)
    set(shared_objects)
    foreach(library IN LISTS arg_FUZZED)
        get_target_property(sources ${library} FUZZED_SOURCES)
        get_target_property(objects ${library} FUZZED_OBJECTS)
        list(APPEND shared_sources ${sources})
        list(APPEND shared_objects ${objects})
    endforeach()
    if(PARAVANE_COVERAGE)
        if(arg_SEEDS)
            add_executable(${name} ${arg_SOURCES} ${shared_sources} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cpp)
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
        set(arg_SECONDS 10)
    endif()

    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir)
    compile_for_fuzzers(objects ${folder} SOURCES ${arg_SOURCES} INCLUDES ${arg_INCLUDES} DEFINITIONS ${arg_DEFINITIONS})
    list(APPEND objects ${shared_objects})
    add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}
        COMMAND ${PARAVANE_FUZZ_COMPILER} ${fuzz_options} ${objects} ${arg_LIBS} -o ${CMAKE_CURRENT_BINARY_DIR}/${name}
        DEPENDS ${objects} VERBATIM COMMENT "Linking fuzzer ${name}")
    add_custom_target(${name}_program ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${name})
    foreach(library IN LISTS arg_FUZZED)
        add_dependencies(${name}_program ${library})
    endforeach()

    # The same inputs in every run, as far as its time goes: nothing is drawn by chance, and nothing kept of a former run.
    set(kept)
    if(arg_SEEDS)
        file(GLOB inputs CONFIGURE_DEPENDS ${arg_SEEDS}/*)
        string(REPLACE ";" "," inputs "${inputs}")
        file(CONFIGURE OUTPUT ${folder}/inputs CONTENT "${inputs}")
        set(kept -seed_inputs=@${folder}/inputs)
    endif()
    set(command ${CMAKE_CURRENT_BINARY_DIR}/${name} -print_final_stats=1 -artifact_prefix=${folder}/ ${arg_ARGS})
    add_test(NAME fuzz.${name} WORKING_DIRECTORY ${folder}
        COMMAND ${fixed_addresses} ${command} -seed=1 -runs=${arg_RUNS} -max_total_time=${arg_SECONDS} ${kept})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${seconds_for_a_test})
    # Others each time. Findings go to the build folder, new inputs too: the corpus in the tree is changed by hand only.
    file(MAKE_DIRECTORY ${folder}/corpus)
    add_test(NAME long.${name} CONFIGURATIONS Long WORKING_DIRECTORY ${folder}
        COMMAND ${command} -max_total_time=120 ${folder}/corpus ${arg_SEEDS})
    set_tests_properties(long.${name} PROPERTIES LABELS long TIMEOUT ${seconds_for_a_test})
endfunction()
