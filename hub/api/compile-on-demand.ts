/**
 * What a route takes and answers is checked and written by functions that are compiled from its schemas. There are
 * some for each status of each route, most of which no hub ever answers: all of them at the start are a sixth of what
 * it costs. So each is compiled when it is first needed, which takes a millisecond or two.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { FastifySerializerCompiler } from 'fastify';
import { Value } from 'typebox/value';

type Validate = ReturnType<typeof TypeBoxValidatorCompiler>;
type Serialize = ReturnType<FastifySerializerCompiler<unknown>>;

/** The library's compiler converts, but leaves out what a schema says of a value that is not given. */
export const compileValidator: typeof TypeBoxValidatorCompiler = (part) => {
  let validate: Validate | undefined;
  return (value) => {
    validate ??= TypeBoxValidatorCompiler(part);
    return validate(Value.Default(part.schema, value));
  };
};

const compile = SerializerSelector()();

export const compileSerializer: FastifySerializerCompiler<unknown> = (part) => {
  let serialize: Serialize | undefined;
  return (data) => {
    serialize ??= compile({ httpStatus: '', ...part });
    return serialize(data);
  };
};
