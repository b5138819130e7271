/**
 * Writes ONNX files: the few messages of the format that a small graph needs, by the field numbers that the
 * format publishes (onnx.proto of ONNX 1.12, IR version 8). Fields that are left out here are optional there.
 */
import protobuf from 'protobufjs';

const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

const { root } = protobuf.parse(`
  syntax = "proto3";
  message OperatorSetId { string domain = 1; int64 version = 2; }
  message Attribute { string name = 1; int64 i = 3; repeated int64 ints = 8; int32 type = 20; }
  message Node {
    repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated Attribute attribute = 5;
  }
  message Tensor { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
  message Shape { repeated Dimension dim = 1; }
  message TensorType { int32 elem_type = 1; Shape shape = 2; }
  message Type { TensorType tensor_type = 1; }
  message ValueInfo { string name = 1; Type type = 2; }
  message Graph {
    repeated Node node = 1; string name = 2; repeated Tensor initializer = 5; string doc_string = 10;
    repeated ValueInfo input = 11; repeated ValueInfo output = 12;
  }
  message Model {
    int64 ir_version = 1; string producer_name = 2; string producer_version = 3; Graph graph = 7;
    repeated OperatorSetId opset_import = 8;
  }
`);
const Model = root.lookupType('Model');

/** One operator of opset 17. Attributes are integers or lists of integers. */
interface OnnxNode {
  op: string;
  inputs: string[];
  output: string;
  attributes?: Record<string, number | number[]>;
}

/** A constant, row by row; rounded to float32 when written. */
interface OnnxTensor {
  name: string;
  dims: number[];
  data: number[];
}

/** A float32 input or output. A dimension that is a string is free, such as the number of windows. */
interface OnnxValue {
  name: string;
  dims: (number | string)[];
}

export interface OnnxGraph {
  name: string;
  doc: string;
  nodes: OnnxNode[];
  constants: OnnxTensor[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
}

function littleEndianFloats(data: number[]): Uint8Array {
  const bytes = new Uint8Array(data.length * 4);
  const view = new DataView(bytes.buffer);
  data.forEach((x, i) => {
    view.setFloat32(i * 4, x, true);
  });
  return bytes;
}

function valueInfo(value: OnnxValue): object {
  const dim = value.dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name: value.name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

function attribute([name, value]: [string, number | number[]]): object {
  return Array.isArray(value) ? { name, ints: value, type: ATTRIBUTE_INTS } : { name, i: value, type: ATTRIBUTE_INT };
}

/**
 * The bytes of an ONNX file; equal graphs give equal bytes.
 * @throws RangeError when a constant's data do not fill its dimensions or are not finite in float32.
 */
export function writeOnnx(graph: OnnxGraph): Uint8Array {
  for (const { name, dims, data } of graph.constants) {
    const size = dims.reduce((product, d) => product * d, 1);
    if (data.length !== size) throw new RangeError(`constant ${name}: ${data.length} values for ${size} places`);
    const bad = data.findIndex((x) => !Number.isFinite(Math.fround(x)));
    if (bad >= 0) throw new RangeError(`constant ${name}: value ${bad} is ${data[bad]}, beyond float32`);
  }
  const message = Model.fromObject({
    irVersion: IR_VERSION,
    producerName: 'lineside',
    producerVersion: '1',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: graph.name,
      docString: graph.doc,
      node: graph.nodes.map((node) => ({
        input: node.inputs,
        output: [node.output],
        name: node.output,
        opType: node.op,
        attribute: Object.entries(node.attributes ?? {}).map(attribute),
      })),
      initializer: graph.constants.map((tensor) => ({
        name: tensor.name,
        dims: tensor.dims,
        dataType: FLOAT,
        rawData: littleEndianFloats(tensor.data),
      })),
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
    },
  });
  return Model.encode(message).finish();
}
