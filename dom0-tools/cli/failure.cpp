// SPDX-License-Identifier: MIT
#include "cli/failure.hpp"

#include "cli/text.hpp"
#include "cli/values.hpp"

namespace paravane {
namespace {
// All details of one type.
template <class Detail, class Visit>
void each_detail(google::rpc::Status const& status, Visit visit) {
    for (google::protobuf::Any const& any : status.details()) {
        Detail detail;
        if (any.Is<Detail>() && any.UnpackTo(&detail)) visit(detail);
    }
}

class Lines {
public:
    explicit Lines(std::string const& message) : text_{printable(message)} { text_ += "\n"; }

    // Unless it was said already.
    void add(std::string const& name, std::string const& value) {
        std::string const line = printable(value);
        if (!line.empty() && text_.find(line) == std::string::npos) text_ += "  " + name + ": " + line + "\n";
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};
}  // namespace

ExitCode exit_code_of(grpc::StatusCode code) {
    switch (code) {
        case grpc::StatusCode::OK: return ExitCode::success;
        case grpc::StatusCode::NOT_FOUND: return ExitCode::not_found;
        case grpc::StatusCode::ALREADY_EXISTS: return ExitCode::already_exists;
        case grpc::StatusCode::INVALID_ARGUMENT: return ExitCode::invalid;
        case grpc::StatusCode::FAILED_PRECONDITION: return ExitCode::wrong_state;
        case grpc::StatusCode::RESOURCE_EXHAUSTED: return ExitCode::no_resources;
        case grpc::StatusCode::DEADLINE_EXCEEDED: return ExitCode::timed_out;
        case grpc::StatusCode::UNAVAILABLE: return ExitCode::unreachable;
        case grpc::StatusCode::PERMISSION_DENIED:
        case grpc::StatusCode::UNAUTHENTICATED: return ExitCode::not_allowed;
        case grpc::StatusCode::ABORTED:
        case grpc::StatusCode::CANCELLED:
        case grpc::StatusCode::OUT_OF_RANGE: return ExitCode::overtaken;
        case grpc::StatusCode::UNIMPLEMENTED: return ExitCode::unsupported;
        default: return ExitCode::failed;
    }
}

google::rpc::Status details_of(grpc::Status const& status) {
    google::rpc::Status details;
    bool const there = !status.error_details().empty() && details.ParseFromString(status.error_details());
    if (!there) details.Clear();
    details.set_code(status.error_code());
    details.set_message(printable(status.error_message()));
    return details;
}

std::optional<google::rpc::ErrorInfo> error_info(google::rpc::Status const& status) {
    std::optional<google::rpc::ErrorInfo> info;
    each_detail<google::rpc::ErrorInfo>(status, [&](auto const& detail) { info = detail; });
    return info;
}

std::string operation_of(google::rpc::Status const& status) {
    std::optional<google::rpc::ErrorInfo> const info = error_info(status);
    if (!info) return "";
    auto const found = info->metadata().find("operation");
    return found == info->metadata().end() ? "" : found->second;
}

std::string render_failure(google::rpc::Status const& status) {
    Lines lines{status.message()};
    each_detail<google::rpc::BadRequest>(status, [&](auto const& detail) {
        for (auto const& field : detail.field_violations())
            lines.add(field.field().empty() ? "field" : printable(field.field()), field.description());
    });
    each_detail<google::rpc::PreconditionFailure>(status, [&](auto const& detail) {
        for (auto const& violation : detail.violations())
            lines.add(violation.subject().empty() ? "because" : printable(violation.subject()),
                      violation.description());
    });
    each_detail<google::rpc::QuotaFailure>(status, [&](auto const& detail) {
        for (auto const& violation : detail.violations())
            lines.add(violation.subject().empty() ? "limit" : printable(violation.subject()), violation.description());
    });
    each_detail<google::rpc::ResourceInfo>(status, [&](auto const& detail) {
        lines.add("object", detail.description());
        lines.add("owner", detail.owner());
    });
    if (std::optional<google::rpc::ErrorInfo> const info = error_info(status)) {
        // What was being done comes first and the advice last; what else there is between them, whatever it is.
        auto value = [&](char const* key) {
            auto const found = info->metadata().find(key);
            return found == info->metadata().end() ? std::string{} : found->second;
        };
        for (char const* key : {"step", "file", "hypercall", "errno"}) lines.add(key, value(key));
        for (auto const& [key, text] : info->metadata())
            if (key != "hint" && key != "operation") lines.add(printable(key), text);
        lines.add("reason", info->reason());
        lines.add("hint", value("hint"));
    }
    each_detail<google::rpc::RetryInfo>(status, [&](auto const& detail) {
        lines.add("try again", "after " + format_duration(from_message(detail.retry_delay())));
    });
    return lines.take();
}
}  // namespace paravane
