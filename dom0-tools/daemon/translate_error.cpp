// SPDX-License-Identifier: MIT
// Errors as statuses: a code for each kind, and details that programs can read.
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <cstring>

#include "daemon/translate.hpp"
#include "domain/utf8.hpp"

namespace paravane {
namespace {
constexpr std::size_t longest_message = 1024;  // headers have their limit, and take names from callers

struct Meaning {
    grpc::StatusCode code;
    char const* reason;  // unless the error says another
};

Meaning meaning(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::invalid: return {grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID"};
        case ErrorKind::not_found: return {grpc::StatusCode::NOT_FOUND, "NO_SUCH_DOMAIN"};
        case ErrorKind::exists: return {grpc::StatusCode::ALREADY_EXISTS, "NAME_TAKEN"};
        case ErrorKind::precondition: return {grpc::StatusCode::FAILED_PRECONDITION, "WRONG_STATE"};
        case ErrorKind::exhausted: return {grpc::StatusCode::RESOURCE_EXHAUSTED, "NOT_ENOUGH"};
        case ErrorKind::timed_out: return {grpc::StatusCode::DEADLINE_EXCEEDED, "NOT_IN_TIME"};
        case ErrorKind::unavailable: return {grpc::StatusCode::UNAVAILABLE, "NO_ANSWER"};
        case ErrorKind::unsupported: return {grpc::StatusCode::UNIMPLEMENTED, "FEATURE_ABSENT"};
        case ErrorKind::aborted: return {grpc::StatusCode::ABORTED, "SUPERSEDED"};
        case ErrorKind::cancelled: return {grpc::StatusCode::CANCELLED, "CANCELLED"};
        case ErrorKind::too_old: return {grpc::StatusCode::OUT_OF_RANGE, "REVISION_TOO_OLD"};
        case ErrorKind::denied: return {grpc::StatusCode::PERMISSION_DENIED, "ROLE_TOO_LOW"};
        case ErrorKind::internal: break;
    }
    return {grpc::StatusCode::INTERNAL, "STEP_FAILED"};
}

// Whatever a file or a guest has put into it: one line, valid, not too long.
std::string clean(std::string text) {
    if (text.size() > longest_message) text = text.substr(0, longest_message - 3) + "...";
    return is_printable(text) ? text : make_printable(text);
}

std::string fact(Error const& error, std::string_view key) {
    auto found = error.facts.find(key);
    return found == error.facts.end() ? "" : clean(found->second);
}
}  // namespace

grpc::Status translate_error(Error const& error, std::string const& operation) {
    Meaning means = meaning(error.kind);
    std::string text = error.message();
    if (!text.starts_with(operation)) text = operation + ": " + text;
    text = clean(std::move(text));

    google::rpc::Status status;
    status.set_code(means.code);
    status.set_message(text);
    google::rpc::ErrorInfo info;
    std::string reason = fact(error, "reason");
    info.set_reason(reason.empty() ? means.reason : reason);
    info.set_domain("paravane");
    auto& metadata = *info.mutable_metadata();
    for (auto const& [key, value] : error.facts)
        if (key != "reason") metadata[key] = clean(value);
    metadata["operation"] = clean(operation);
    if (!error.step.empty()) metadata["step"] = clean(error.step);
    if (error.code != 0) {
        char const* name = strerrorname_np(error.code);
        metadata["errno"] = name != nullptr ? name : std::to_string(error.code);
    }
    status.add_details()->PackFrom(info);
    if (error.kind == ErrorKind::invalid) {
        google::rpc::BadRequest bad;
        auto& violation = *bad.add_field_violations();
        violation.set_field(fact(error, "field"));
        violation.set_description(clean(error.reason));
        status.add_details()->PackFrom(bad);
    } else if (error.kind == ErrorKind::not_found || error.kind == ErrorKind::exists) {
        google::rpc::ResourceInfo resource;
        resource.set_resource_type("domain");
        resource.set_resource_name(fact(error, "owner"));
        resource.set_description(clean(error.reason));
        status.add_details()->PackFrom(resource);
    } else if (error.kind == ErrorKind::precondition) {
        google::rpc::PreconditionFailure failure;
        auto& violation = *failure.add_violations();
        violation.set_type(info.reason());
        violation.set_subject(clean(operation));
        violation.set_description(clean(error.reason));
        status.add_details()->PackFrom(failure);
    } else if (error.kind == ErrorKind::exhausted) {
        google::rpc::QuotaFailure failure;
        auto& violation = *failure.add_violations();
        violation.set_subject(clean(error.step));
        violation.set_description(clean(error.reason));
        status.add_details()->PackFrom(failure);
    } else if (error.kind == ErrorKind::unavailable) {
        google::rpc::RetryInfo retry;
        retry.mutable_retry_delay()->set_seconds(1);
        status.add_details()->PackFrom(retry);
    }
    return {means.code, text, status.SerializeAsString()};
}

std::string unknown_field(google::protobuf::Message const& message) {
    google::protobuf::Reflection const& reflection = *message.GetReflection();
    auto const& unknown = reflection.GetUnknownFields(message);
    if (unknown.field_count() != 0) return std::to_string(unknown.field(0).number());
    std::vector<google::protobuf::FieldDescriptor const*> fields;
    reflection.ListFields(message, &fields);
    for (auto const* field : fields) {
        if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
        int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
        for (int i = 0; i < count; ++i) {
            auto const& part = field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                    : reflection.GetMessage(message, field);
            std::string inner = unknown_field(part);
            if (!inner.empty()) return field->name() + "." + inner;
        }
    }
    return "";
}
}  // namespace paravane
