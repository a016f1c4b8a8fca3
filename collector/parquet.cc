/* solcheck - the Parquet module: Apache Arrow behind collector/parquet.h.
 *
 * Texts are read as dictionaries, so that a text is looked at once a batch. Whatever
 * Arrow throws or returns becomes a status and a text. Memory is capped: the sizes that a
 * file claims are not to be trusted.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "collector/parquet.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace
{

/* What decoding may take: a page and a batch of one column take a hundredth of it. */
constexpr int64_t MAX_MEMORY_B = int64_t(1) << 30;

constexpr int64_t READ_B = 1 << 16;

void tell(char *why, size_t why_B, const std::string &text)
{
    std::snprintf(why, why_B, "%s", text.substr(0, text.find('\n')).c_str());
}

sc_status fail(const arrow::Status &status, char *why, size_t why_B)
{
    tell(why, why_B, status.ToString());
    if (status.IsOutOfMemory())
        return SC_ENOMEM;
    return status.IsIOError() && std::strstr(why, "open") ? SC_EIO : SC_EPARSE;
}

/* Runs body, which returns a status, and turns exceptions into statuses. */
template <typename Body> sc_status guarded(char *why, size_t why_B, Body body) noexcept
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        std::snprintf(why, why_B, "out of memory");
        return SC_ENOMEM;
    } catch (const std::exception &e) {
        std::snprintf(why, why_B, "%.*s", (int)std::strcspn(e.what(), "\n"), e.what());
        return SC_EPARSE;
    } catch (...) {
        std::snprintf(why, why_B, "unknown failure");
        return SC_EPARSE;
    }
}

col_parquet_kind kind_of(const arrow::DataType &type)
{
    return arrow::is_integer(type.id()) || arrow::is_floating(type.id())
               ? COL_PARQUET_NUMBER
               : COL_PARQUET_TEXT;
}

} // namespace

struct col_parquet_file {
    arrow::CappedMemoryPool pool{arrow::system_memory_pool(), MAX_MEMORY_B};
    std::unique_ptr<parquet::arrow::FileReader> reader;
    std::shared_ptr<arrow::Schema> schema;
    size_t n_rows = 0;
};

namespace
{

/* ---- opening ---- */

/* Rows of a group; columns of one value a row must have as many. */
arrow::Status count_rows(const parquet::FileMetaData &metadata, int group, size_t *n)
{
    auto about = metadata.RowGroup(group);
    int64_t rows = about->num_rows();
    if (rows < 0 || rows > std::numeric_limits<int>::max())
        return arrow::Status::Invalid("row group ", group, " has ", rows, " rows");
    for (int i = 0; i < metadata.num_columns(); i++)
        if (metadata.schema()->Column(i)->max_repetition_level() == 0 &&
            about->ColumnChunk(i)->num_values() != rows)
            return arrow::Status::Invalid("column ", i, " of row group ", group,
                                          " has not the ", rows, " rows of the group");
    *n += (size_t)rows;
    return arrow::Status::OK();
}

arrow::Status build(const char *path, col_parquet_file *file)
{
    parquet::arrow::FileReaderBuilder builder;
    parquet::ReaderProperties properties(&file->pool);
    properties.enable_buffered_stream(); /* a page at a time, not a whole column */
    properties.set_buffer_size(READ_B);
    ARROW_RETURN_NOT_OK(builder.OpenFile(path, false, properties));
    auto metadata = builder.raw_reader()->metadata();
    parquet::ArrowReaderProperties how(false);
    for (int i = 0; i < metadata->num_columns(); i++)
        if (metadata->schema()->Column(i)->physical_type() == parquet::Type::BYTE_ARRAY)
            how.set_read_dictionary(i, true);
    builder.memory_pool(&file->pool);
    builder.properties(how);
    ARROW_RETURN_NOT_OK(builder.Build(&file->reader));
    ARROW_RETURN_NOT_OK(file->reader->GetSchema(&file->schema));
    for (int g = 0; g < metadata->num_row_groups(); g++)
        ARROW_RETURN_NOT_OK(count_rows(*metadata, g, &file->n_rows));
    return arrow::Status::OK();
}

sc_status open_file(const char *path, col_parquet_file **out, char *why, size_t why_B)
{
    return guarded(why, why_B, [&]() {
        auto file = std::make_unique<col_parquet_file>();
        arrow::Status status = build(path, file.get());
        if (!status.ok())
            return fail(status, why, why_B);
        *out = file.release();
        return SC_OK;
    });
}

void close_file(col_parquet_file *file)
{
    char why[80];
    (void)guarded(why, sizeof why, [&]() {
        if (file)
            file->reader.reset(); /* before the pool that it allocates from */
        delete file;
        return SC_OK;
    });
}

size_t n_columns(const col_parquet_file *file)
{
    return (size_t)file->schema->num_fields();
}

size_t n_rows(const col_parquet_file *file)
{
    return file->n_rows;
}

const char *column_name(const col_parquet_file *file, size_t column)
{
    return file->schema->field((int)column)->name().c_str();
}

col_parquet_kind column_kind(const col_parquet_file *file, size_t column)
{
    return kind_of(*file->schema->field((int)column)->type());
}

/* ---- numbers ---- */

template <typename Array>
arrow::Status copy_floats(const arrow::Array &array, double *out)
{
    const auto &values = static_cast<const Array &>(array);
    for (int64_t i = 0; i < values.length(); i++)
        out[i] = values.IsNull(i) ? std::nan("") : (double)values.Value(i);
    return arrow::Status::OK();
}

/* Integers that a double cannot hold are errors, never rounded. */
template <typename Array>
arrow::Status copy_integers(const arrow::Array &array, double *out)
{
    const auto &values = static_cast<const Array &>(array);
    for (int64_t i = 0; i < values.length(); i++) {
        out[i] = std::nan("");
        if (values.IsNull(i))
            continue;
        auto value = values.Value(i);
        if constexpr (sizeof value == 8) {
            constexpr decltype(value) largest = int64_t(1) << 53;
            if (value > largest || (value < 0 && -value > largest))
                return arrow::Status::Invalid("integer beyond 2^53");
        }
        out[i] = (double)value;
    }
    return arrow::Status::OK();
}

arrow::Status copy_numbers(const arrow::Array &array, double *out)
{
    switch (array.type_id()) {
    case arrow::Type::INT8:
        return copy_integers<arrow::Int8Array>(array, out);
    case arrow::Type::INT16:
        return copy_integers<arrow::Int16Array>(array, out);
    case arrow::Type::INT32:
        return copy_integers<arrow::Int32Array>(array, out);
    case arrow::Type::INT64:
        return copy_integers<arrow::Int64Array>(array, out);
    case arrow::Type::UINT8:
        return copy_integers<arrow::UInt8Array>(array, out);
    case arrow::Type::UINT16:
        return copy_integers<arrow::UInt16Array>(array, out);
    case arrow::Type::UINT32:
        return copy_integers<arrow::UInt32Array>(array, out);
    case arrow::Type::UINT64:
        return copy_integers<arrow::UInt64Array>(array, out);
    case arrow::Type::FLOAT:
        return copy_floats<arrow::FloatArray>(array, out);
    case arrow::Type::DOUBLE:
        return copy_floats<arrow::DoubleArray>(array, out);
    default:
        return arrow::Status::NotImplemented("numbers of type ",
                                             array.type()->ToString());
    }
}

/* ---- texts ---- */

arrow::Status intern(const col_parquet_sink &sink, std::string_view text, double *code)
{
    *code = sink.intern(sink.user, text.data(), text.size());
    if (*code == -1)
        return arrow::Status::OutOfMemory("out of memory");
    if (*code < 0)
        return arrow::Status::Invalid("NUL byte in a text");
    return arrow::Status::OK();
}

template <typename Array>
arrow::Status copy_views(const arrow::Array &array, const col_parquet_sink &sink,
                         double *out)
{
    const auto &values = static_cast<const Array &>(array);
    for (int64_t i = 0; i < values.length(); i++) {
        std::string_view text;
        if (values.IsValid(i))
            text = values.GetView(i);
        ARROW_RETURN_NOT_OK(intern(sink, text, &out[i]));
    }
    return arrow::Status::OK();
}

arrow::Status copy_texts(const arrow::Array &array, const col_parquet_sink &sink,
                         double *out);

arrow::Status copy_dictionary(const arrow::DictionaryArray &array,
                              const col_parquet_sink &sink, double *out)
{
    int64_t n = array.dictionary()->length();
    std::vector<double> code((size_t)n);
    double empty = 0;
    ARROW_RETURN_NOT_OK(copy_texts(*array.dictionary(), sink, code.data()));
    if (array.null_count() > 0)
        ARROW_RETURN_NOT_OK(intern(sink, "", &empty));
    for (int64_t i = 0; i < array.length(); i++) {
        int64_t at = array.IsNull(i) ? -1 : array.GetValueIndex(i);
        if (at >= n || (at < 0 && array.IsValid(i)))
            return arrow::Status::Invalid("index outside of the dictionary");
        out[i] = at < 0 ? empty : code[(size_t)at];
    }
    return arrow::Status::OK();
}

/* Types that no perf table has as Arrow prints them. */
arrow::Status copy_others(const arrow::Array &array, const col_parquet_sink &sink,
                          double *out)
{
    for (int64_t i = 0; i < array.length(); i++) {
        std::string text;
        if (array.IsValid(i)) {
            ARROW_ASSIGN_OR_RAISE(auto scalar, array.GetScalar(i));
            text = scalar->ToString();
        }
        ARROW_RETURN_NOT_OK(intern(sink, text, &out[i]));
    }
    return arrow::Status::OK();
}

arrow::Status copy_texts(const arrow::Array &array, const col_parquet_sink &sink,
                         double *out)
{
    switch (array.type_id()) {
    case arrow::Type::DICTIONARY:
        return copy_dictionary(static_cast<const arrow::DictionaryArray &>(array), sink,
                               out);
    case arrow::Type::STRING:
        return copy_views<arrow::StringArray>(array, sink, out);
    case arrow::Type::BINARY:
        return copy_views<arrow::BinaryArray>(array, sink, out);
    case arrow::Type::LARGE_STRING:
        return copy_views<arrow::LargeStringArray>(array, sink, out);
    case arrow::Type::LARGE_BINARY:
        return copy_views<arrow::LargeBinaryArray>(array, sink, out);
    default:
        return copy_others(array, sink, out);
    }
}

/* ---- one column ---- */

arrow::Status hand_over(const arrow::Array &array, bool number,
                        const col_parquet_sink &sink, std::vector<double> *cell)
{
    int64_t n = array.length();
    ARROW_RETURN_NOT_OK(array.Validate());
    cell->resize((size_t)n);
    ARROW_RETURN_NOT_OK(number ? copy_numbers(array, cell->data())
                               : copy_texts(array, sink, cell->data()));
    if (n > 0 && !sink.add(sink.user, cell->data(), (size_t)n))
        return arrow::Status::OutOfMemory("out of memory");
    return arrow::Status::OK();
}

arrow::Status read_batches(col_parquet_file *file, size_t column,
                           const col_parquet_sink &sink)
{
    bool number = column_kind(file, column) == COL_PARQUET_NUMBER;
    std::unique_ptr<parquet::arrow::ColumnReader> reader;
    std::vector<double> cell;
    size_t done = 0;
    ARROW_RETURN_NOT_OK(file->reader->GetColumn((int)column, &reader));
    while (done < file->n_rows) {
        std::shared_ptr<arrow::ChunkedArray> chunks;
        size_t want = std::min(file->n_rows - done, (size_t)COL_PARQUET_BATCH);
        ARROW_RETURN_NOT_OK(reader->NextBatch((int64_t)want, &chunks));
        if (!chunks || chunks->length() == 0 || (size_t)chunks->length() > want)
            return arrow::Status::Invalid("column has not the ", file->n_rows,
                                          " rows of the file");
        for (const auto &chunk : chunks->chunks())
            ARROW_RETURN_NOT_OK(hand_over(*chunk, number, sink, &cell));
        done += (size_t)chunks->length();
    }
    return arrow::Status::OK();
}

sc_status read_column(col_parquet_file *file, size_t column, const col_parquet_sink *sink,
                      char *why, size_t why_B)
{
    return guarded(why, why_B, [&]() {
        arrow::Status status = read_batches(file, column, *sink);
        return status.ok() ? SC_OK : fail(status, why, why_B);
    });
}

/* ---- writing ---- */

template <typename Builder, typename Value>
arrow::Result<std::shared_ptr<arrow::Array>> build_numbers(const double *number, size_t n)
{
    Builder builder;
    for (size_t i = 0; i < n; i++)
        ARROW_RETURN_NOT_OK(std::isnan(number[i]) ? builder.AppendNull()
                                                  : builder.Append((Value)number[i]));
    return builder.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> build_texts(const char *const *text,
                                                         size_t n)
{
    arrow::StringBuilder builder;
    for (size_t i = 0; i < n; i++)
        ARROW_RETURN_NOT_OK(*text[i] ? builder.Append(text[i]) : builder.AppendNull());
    return builder.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>>
build_column(const col_parquet_column &column, size_t n)
{
    if (!column.number)
        return build_texts(column.text, n);
    return column.integer ? build_numbers<arrow::Int64Builder, int64_t>(column.number, n)
                          : build_numbers<arrow::DoubleBuilder, double>(column.number, n);
}

arrow::Status write_table(const char *path, const col_parquet_column *column,
                          size_t n_columns, size_t n_rows)
{
    std::vector<std::shared_ptr<arrow::Field>> fields;
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (size_t c = 0; c < n_columns; c++) {
        ARROW_ASSIGN_OR_RAISE(auto array, build_column(column[c], n_rows));
        fields.push_back(arrow::field(column[c].name, array->type()));
        arrays.push_back(array);
    }
    auto table = arrow::Table::Make(arrow::schema(fields), arrays, (int64_t)n_rows);
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::FileOutputStream::Open(path));
    ARROW_RETURN_NOT_OK(
        parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), file,
                                   std::max<int64_t>(1, (int64_t)n_rows)));
    return file->Close();
}

sc_status write_file(const char *path, const col_parquet_column *column, size_t n_columns,
                     size_t n_rows, char *why, size_t why_B)
{
    return guarded(why, why_B, [&]() {
        arrow::Status status = write_table(path, column, n_columns, n_rows);
        if (status.ok())
            return SC_OK;
        tell(why, why_B, status.ToString());
        return status.IsOutOfMemory() ? SC_ENOMEM : SC_EIO;
    });
}

const col_parquet_ops operations = {COL_PARQUET_ABI, open_file,   close_file,
                                    n_columns,       n_rows,      column_name,
                                    column_kind,     read_column, write_file};

} // namespace

extern "C" __attribute__((visibility("default"))) const col_parquet_ops *
col_parquet_entry(void);

const col_parquet_ops *col_parquet_entry(void)
{
    return &operations;
}
